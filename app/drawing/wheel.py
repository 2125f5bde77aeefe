"""The legend of phases and directions."""

from base64 import b64encode
from functools import cache
from io import BytesIO

from PIL import Image

from app.drawing.display import wheel


@cache
def picture_of_wheel(size: int = 96) -> str:
    """The colour wheel as a data URL."""
    file = BytesIO()
    Image.fromarray(wheel(size)).save(file, "png")
    return data_url("image/png", file.getvalue())


def data_url(kind: str, content: bytes) -> str:
    """`content` as an address that needs no server."""
    return f"data:{kind};base64,{b64encode(content).decode()}"
