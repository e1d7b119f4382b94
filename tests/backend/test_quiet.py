"""Holding back notices while a framework starts."""

import os

import pytest

from benchmark.backend.selection import quiet_start

NOTICE = b"I0000 00:00:1795352752.122435 10425 port.cc:153] oneDNN custom operations are on.\n"


def test_notices_are_dropped_and_other_lines_kept(capfd, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with quiet_start():
        os.write(2, NOTICE)
        os.write(2, b"a real message\n")
    assert capfd.readouterr().err == "a real message\n"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"


def fail_after_a_notice():
    with quiet_start():
        os.write(2, NOTICE)
        raise ImportError


def test_everything_is_shown_if_the_start_fails(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with pytest.raises(ImportError):
        fail_after_a_notice()
    assert capfd.readouterr().err == NOTICE.decode()


def interrupt_after_a_notice():
    with quiet_start():
        os.write(2, NOTICE)
        raise KeyboardInterrupt


def test_ctrl_c_shows_no_notice(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with pytest.raises(KeyboardInterrupt):
        interrupt_after_a_notice()
    assert not capfd.readouterr().err


def test_nothing_is_held_back_where_notices_are_asked_for(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with quiet_start():
        os.write(2, NOTICE)
        assert capfd.readouterr().err == NOTICE.decode()
