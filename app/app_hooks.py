"""What Bokeh calls when it begins to serve this folder."""

from app.page.admission import make_pages_aside, refuse_crowds
from app.server.restricted import look_through_messages
from app.server.sending import send_at_once, send_in_order

refuse_crowds()
send_at_once()
send_in_order()
look_through_messages()


def on_server_loaded(server_context):
    """Take over how pages are made."""
    make_pages_aside(server_context.application_context.application)
