"""A part of the pipeline as Param knows it."""

import param

from app.pipeline.session import Session


class Stage(param.Parameterized):
    """What it depends on it declares by `param.depends`; what it gives are its parameters.

    Constant parameters are the stages before it. All others are its results: set on the session's
    thread alone, to values that stay as they are, since other threads and views hold them too.

    Parameters
    ----------
    session : Session
        Runs its work on other threads, and brings results back.
    """

    def __init__(self, session: Session, **before):
        self._session = session
        super().__init__(**before)

    @classmethod
    def results(cls) -> list[str]:
        """Names of the parameters that it gives."""
        return [name for name, each in cls.param.objects().items() if not each.constant]

    @classmethod
    def declare(cls, table) -> None:
        """Give what `table` has by name, too."""
        for name in table.keys() - set(cls.param):
            cls.param.add_parameter(name, param.Parameter())

    def publish(self, **results) -> None:
        """Set results soon; from any thread."""
        self._session.later(lambda: self.param.update(**results))

    def close(self) -> None:
        """Forget the results; nobody is told."""
        with param.discard_events(self):
            self.param.update(**{n: self.param[n].default for n in self.results()})
