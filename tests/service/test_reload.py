"""What looks for changed files goes on, whatever an attempt ends in."""

import threading

from fastrcf.service.reload import Watch


def test_an_attempt_that_fails_is_not_the_last(tmp_path, caplog):
    done, tried = threading.Event(), []

    def act():
        tried.append(1)
        if len(tried) == 1:
            raise RuntimeError("a defect")
        done.set()

    watch = Watch([tmp_path / "model"], act, every=None)
    watch.start()
    try:
        watch.ask()
        deadline = 100
        while not tried and deadline:
            done.wait(0.05)
            deadline -= 1
        watch.ask()
        assert done.wait(5)
    finally:
        watch.stop()
    assert "loading anew failed" in caplog.text
