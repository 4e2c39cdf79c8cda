"""One thread that owns the camera: opens it, takes from it, notices when it fails and opens it again, for ever."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from capture.camera.latest import Latest
from capture.camera.port import Camera
from capture.camera.states import CameraEvent, CameraState, CameraStatus, after, gives_up
from capture.crashes import where
from capture.errors import CameraFailed, CameraHung, CameraStalled
from capture.events import Event
from inference.picture import Frame

_READY = "The camera is ready."
_STARTING = "The camera is starting."
_CRASHED = "The camera's software failed and is being restarted. If this stays, call IT."


class CameraSupervisor:
    """Keeps one camera delivering, and says truly when it does not.

    Args:
        camera: used from this supervisor's thread alone.
        retry_s: how long to wait before a camera that failed is opened again.
        still_timeout_s: how long a still may take before its caller hears that the camera stalled.
        beat: called by this supervisor's thread each time that it comes round, so that somebody can see it live.
        given_up: called once, when only the end of this process can free the camera (ADR 0019).
        clock: monotonic seconds.

    Attributes:
        frames: the latest preview Frame.
        hopeless: why it was given up; None while it was not.
    """

    def __init__(
        self,
        camera: Camera,
        *,
        retry_s: float = 1.0,
        still_timeout_s: float = 10.0,
        beat: Callable[[], None] = lambda: None,
        given_up: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.frames: Latest[Frame] = Latest()
        self.hopeless: CameraHung | None = None
        self._beat = beat
        self._given_up = given_up
        self._clock = clock
        self._delivered = False
        self._hung_since: float | None = None
        self._camera = camera
        self._retry_s = retry_s
        self._still_timeout_s = still_timeout_s
        self._changed = threading.Condition()
        self._status = CameraStatus(CameraState.STARTING, _STARTING, camera.name)
        self._wanted: queue.SimpleQueue[Future[Frame]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._log = structlog.get_logger()

    @property
    def status(self) -> CameraStatus:
        """What is known now."""
        with self._changed:
            return self._status

    def start(self) -> None:
        """Begin; the camera may come at any later time."""
        self._thread.start()

    def stop(self, timeout: float = 1.5) -> None:
        """End, and wait at most `timeout` seconds for the camera to be given back."""
        self._stop.set()
        self.frames.close()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def still(self) -> Frame:
        """A full-size picture of now; waits for it.

        Raises:
            CameraFailed: with the sentence of the state the camera is in.
        """
        status = self.status
        if status.state is not CameraState.READY:
            raise CameraFailed(status.sentence)
        wanted: Future[Frame] = Future()
        self._wanted.put(wanted)
        try:
            return wanted.result(self._still_timeout_s)
        except TimeoutError:
            wanted.cancel()
            raise CameraStalled from None

    def wait_until(self, state: CameraState, timeout: float) -> bool:
        """Whether the camera was in `state` within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._status.state is state, timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._beat()
            try:
                self._camera.open()
                self._serve()
            except CameraFailed as failed:
                silent = isinstance(failed, CameraStalled)
                self._saw(CameraEvent.SILENT if silent else CameraEvent.GONE, failed.sentence)
                self._consider(failed)
            except Exception as crashed:  # noqa: BLE001 - the one place where a camera's own bug must not end the device
                self._log.error(Event.WORKER_CRASHED, worker="camera", error=where(crashed))
                self._saw(CameraEvent.SILENT, _CRASHED)
            self.frames.clear()
            self._beat()
            self._camera.close()
            self._beat()
            self._refuse_waiting()
            self._stop.wait(self._retry_s)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._beat()
            self._take_stills()
            frame = self._camera.preview()
            self.frames.put(frame)
            self._delivered, self._hung_since = True, None
            self._saw(CameraEvent.FRAME, self._camera.notice or _READY)

    def _take_stills(self) -> None:
        while not self._wanted.empty():
            wanted = self._wanted.get()
            if not wanted.set_running_or_notify_cancel():
                continue
            try:
                wanted.set_result(self._camera.still())
                self._beat()
            except BaseException as failed:
                wanted.set_exception(failed)
                raise

    def _consider(self, failed: CameraFailed) -> None:
        """Give the camera up if it hangs and nothing else will help."""
        if not isinstance(failed, CameraHung) or self.hopeless is not None:
            return
        now = self._clock()
        if self._hung_since is None:
            self._hung_since = now
        if gives_up(delivered=self._delivered, hung_s=now - self._hung_since):
            self._log.error(Event.CAMERA_GIVEN_UP)
            self.hopeless = failed
            self._given_up()

    def _refuse_waiting(self) -> None:
        while not self._wanted.empty():
            wanted = self._wanted.get()
            if wanted.set_running_or_notify_cancel():
                wanted.set_exception(CameraFailed(self.status.sentence))

    def _saw(self, event: CameraEvent, sentence: str) -> None:
        with self._changed:
            before, self._status = self._status, after(self._status, event, sentence)
            self._changed.notify_all()
            now = self._status
        if now.state is not before.state:
            self._log.info(Event.CAMERA_STATE, state=now.state.value)
