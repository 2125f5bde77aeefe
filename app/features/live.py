"""The card *Live*: what the microscope does, which of its scans are shown, what to change there."""

from threading import Thread

import numpy as np

from app import words
from app.drawing.png import picture
from app.engine.demonstration import play
from app.engine.growing import coarser
from app.engine.live_scan import LIVE, STOPPED, MicroscopeState, ScanState
from app.features.feature import Feature
from app.pipeline.results import short_count
from app.state.conventions import CONVENTIONS, to_change
from app.views.live_card import LiveCard
from recon.live.rows import final_rows, reach_in_rows

PICTURE_PX = 136
"""Of a scan's small picture."""

CORRECT_MS = 150
"""How long what to change on the microscope waits behind a hand that moves."""

FRAME = "The angle is from the scan's x axis, clockwise on the screen."

PROVISIONAL = (
    "Not scanned yet is hatched. Empty frames and noise of the current are taken out when the last "
    "row is there."
)


class Live(Feature):
    """The card's views follow the stage `Watching`."""

    def __init__(self, page):
        super().__init__(page)
        self.card = LiveCard(
            conventions=[(name, each.title) for name, each in CONVENTIONS.items()],
            convention=page.experiment.display.convention,
        )
        self._pictured: object = None
        self._to_correct = False
        watching = page.pipeline.watching
        card = self.card
        card.on("follow", lambda message: watching.follow(True))
        card.on("hold", lambda message: watching.follow(False))
        card.on("show", lambda message: self._go_to(message["name"]), name=str)
        card.on("play", lambda message: self._play())
        card.on("stop", lambda message: self._stop())
        card.on("convention", lambda message: self._sign(message["name"]), name=str)
        stages = page.pipeline
        self._ties.show(watching.param.microscope, self._show)
        self._ties.show(stages.opening.param.reading, self._opened)
        self._ties.show(watching.param.following, self._follows)
        self._ties.show(stages.drawing.param.phase, self._drawn)
        self._ties.tie_whole(page.experiment.aberrations, self._moved)
        self._ties.tie(page.experiment.display, self._correct, "convention")
        self._ties.tie(page.experiment.scan, self._correct, "dataset", "rotation_deg", "transpose")

    # ---- what is shown ----

    def _show(self, state: MicroscopeState) -> None:
        shown = self.page.pipeline.watching.shown
        # Each picture would be drawn anew several times a second, while rows are to be received.
        self.page.draw_straight("growing", shown is not None and not shown.over)
        scan = shown or next(iter(state.scans), None)
        self.card.param.update(
            state=state.state if state.title else "",
            head=" at ".join(filter(None, [state.title, state.endpoint])),
            sentence=" ".join(filter(None, [state.sentence, *(scan.notes if scan else ())])),
            facts=self._facts(scan) if scan else [],
            share=scan.rows / scan.shape[0] if scan else 0.0,
            scans=[(s.name, f"{s.number} · {s.at:%H:%M:%S}", s.picture) for s in state.scans],
            shown=self.page.experiment.scan.dataset,
            playing=state.demonstration and state.state != STOPPED,
            can_play=state.demonstration or state.state == STOPPED,
        )
        self._say_provisional()
        self._correct()

    def _opened(self, reading) -> None:
        """Another scan is open, which nobody has told of yet."""
        state = self.page.pipeline.watching.microscope
        if state is not None:
            self._show(state)

    def _facts(self, scan: ScanState) -> list[tuple[str, str]]:
        whole = "complete" if scan.rows == scan.shape[0] else "ended early"
        facts = [
            (f"Scan {scan.number}", whole if scan.over else "under way"),
            ("Rows", f"{scan.rows} of {scan.shape[0]}"),
            ("Electrons", short_count(scan.electrons)),
        ]
        if scan.rate:
            facts.append(("Electrons a second", short_count(round(scan.rate))))
        steps = self.page.experiment.scan.geometry().scan_sampling
        if None not in steps and scan.rows:
            area = scan.rows * scan.shape[1] * steps[0] * steps[1]
            facts.append(("Dose", f"{short_count(round(scan.electrons / area))} e/Å²"))
        if scan.over:
            facts.append(("Frames lost", str(scan.lost)))
            if scan.kept:
                facts.append(("Kept as", scan.kept))
        return facts

    def _follows(self, following: bool) -> None:
        self.card.following = following

    def _say_provisional(self) -> None:
        prepared = self.page.pipeline.prepared
        if prepared is None or not prepared.scan.growing:
            self.card.provisional = []
            return
        request, calibration = prepared.request, prepared.found.calibration
        said = [PROVISIONAL]
        if calibration is not None:
            known = request.bright_field_pixels, request.sideband == "full"
            said.append(coarser(prepared.scan, calibration, *known))
            aberrations = self.page.experiment.aberrations.value()
            final = final_rows(prepared.scan.rows, reach_in_rows(aberrations, calibration))
            said.append(self._final(np.flatnonzero(final)))
        self.card.provisional = [sentence for sentence in said if sentence]

    @staticmethod
    def _final(rows) -> str:
        if not rows.size:
            return "No row of the phase is final yet: it changes as far as the probe reaches."
        return f"The phase is final from row {rows[0]} to row {rows[-1]}."

    def _moved(self, *events) -> None:
        there = self.card.correction or self.page.experiment.scan.dataset.startswith(LIVE)
        if not there or self._to_correct:
            return
        # A hand moves sixty times a second, while rows are to be received.
        self._to_correct = True
        if self.page.after(CORRECT_MS, self._correct) is None:
            self._correct()

    def _correct(self, *events) -> None:
        """Say what to change on the microscope, where the open scan is one of its."""
        self._to_correct = False
        experiment, display = self.page.experiment, self.page.experiment.display
        said = ""
        if experiment.scan.dataset.startswith(LIVE):
            scan = experiment.scan
            seen = experiment.aberrations.value().in_scan_frame(scan.rotation_deg, scan.transpose)
            said = to_change(seen, CONVENTIONS[display.convention])
        self.card.param.update(
            correction=f"{said}." if said else "",
            frame=FRAME if "C12" in said else "",
            convention=display.convention,
        )

    def _drawn(self, phase) -> None:
        """Keep a small picture of a scan, when all of it is there."""
        self._say_provisional()
        dataset = self.page.pipeline.preparing.dataset
        live = self.page.pipeline.watching.live
        if phase is None or live is None or not (dataset or "").startswith(LIVE):
            return
        if phase.rows is None and phase.mode == "exact" and self._pictured is not phase.array:
            self._pictured = phase.array
            live.picture(dataset, picture(phase.array, most=PICTURE_PX))

    # ---- what is asked for ----

    def _go_to(self, name: str) -> None:
        if any(name == known for known, *_ in self.card.scans):
            self.page.pipeline.watching.show(name)

    def _sign(self, name: str) -> None:
        if name in CONVENTIONS:
            self.page.experiment.display.convention = name

    def _play(self) -> None:
        """Have the demonstration scan made before everybody's eyes; whoever asks, follows it."""
        watching, session, page = self.page.pipeline.watching, self.page.pipeline.session, self.page
        state = watching.microscope
        if watching.live is None or not self.card.can_play or (state and self.card.playing):
            return
        self.card.param.update(playing=True, sentence="")

        def fail(error):
            sentence = words.sentence(error)
            page.post(lambda: page.pipeline.told.param.update(error=sentence))
            page.post(lambda: self._show(watching.live.state))

        play(session.engine, watching.live, fail)
        watching.follow()

    def _stop(self) -> None:
        live = self.page.pipeline.watching.live
        if live is not None and self.card.playing:
            # It waits for its threads; the page does not.
            Thread(target=live.stop, name="livestem-stop", daemon=True).start()

    def roots(self) -> dict:
        """The card, by its name in assets/page.html."""
        return {"live": self.card}

    def close(self) -> None:
        """Let go of everything."""
        super().close()
        self.card.close()
