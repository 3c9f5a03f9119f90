"""The live page: what its server answers, to whom, and that looking changes nothing."""

from __future__ import annotations

import http.client
import json
import math
import re
import time
from urllib.parse import quote

import pytest

import rung
from rung.page import server as served
from rung.storage import MemoryStorage


def objective(config, trial):
    if config["x"] > 0.9:
        raise ValueError("x is <script>alert(1)</script> too large")
    for epoch in range(1, 4):
        trial.report(epoch=epoch, error=config["x"] / epoch, test_error=0.123456)
    return {"error": config["x"] / 3, "test_error": 0.123456, "odd": math.nan}


SPACE = {"x": rung.Float(0, 1), "kind": rung.Categorical(["</script>", "\x1b[31m"]), "same": 3}


def tuned(**settings):
    given = {"n_trials": 12, "searcher": "random", "seed": 1, "storage": ":memory:", "progress": False}
    return rung.tune(
        objective, SPACE, metric="error", report_only=["test_error"], max_resource=3, **{**given, **settings}
    )


class Browser:
    """Asks a page for things, under whatever name."""

    def __init__(self, page):
        self.port = int(re.search(r":(\d+)/", page.url)[1])
        self.token = page.url.partition("token=")[2]

    def ask(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {
                "Host": f"127.0.0.1:{self.port}",
                "Content-Length": str(len(body or "")),
                **headers,
            }.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders((body or "").encode())
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, path):
        status, _, data = self.ask(path)
        assert status == 200, data
        return json.loads(data, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.fixture(scope="module")
def study():
    return tuned()


@pytest.fixture(scope="module")
def browser(study):
    with rung.dashboard(study, port=0) as page:
        yield Browser(page)


def at(name, study, **query):
    return f"/api/{name}?study={quote(study.name)}" + "".join(f"&{k}={v}" for k, v in query.items())


def test_the_page_holds_what_the_study_holds(study, browser):
    found = browser.json(at("study", study))
    trials = found["trials"]
    assert trials["number"] == [t.number for t in study.trials]
    assert trials["status"] == [t.status for t in study.trials]
    assert trials["config"][0] == [t.config["x"] for t in study.trials]
    assert [found["space"][1]["choices"][i] for i in trials["config"][1]] == [
        {"</script>": "</script>", "\x1b[31m": "\\x1b[31m"}[t.config["kind"]] for t in study.trials
    ]
    assert found["space"][2] == {"name": "same", "kind": "constant", "value": 3} and trials["config"][2] == []
    assert trials["value"] == [t.value for t in study.trials]
    assert {"NaN"} == {odd for odd in trials["metrics"]["odd"] if odd is not None}
    assert found["status"]["best"]["trial"] == study.best_trial.number
    assert any("too large" in reason for reason in trials["reason"])


def test_curves_are_exact(study, browser):
    for curve in browser.json(at("curves", study, metric="error"))["curves"]:
        reports = study.trials[curve["trial"]].reports
        assert [curve["x"], curve["y"]] == [
            [r.resource for r in reports],
            [r.metrics["error"] for r in reports],
        ]
    some = browser.json(at("curves", study, trials="1,2"))["curves"]
    assert {curve["trial"] for curve in some} <= {1, 2}


def test_every_part_of_the_page_has_its_data(study, browser):
    timeline = browser.json(at("timeline", study))
    assert len(timeline["trial"]) == sum(len(t.attempts) for t in study.trials)
    best = browser.json(at("anytime", study))
    assert best["value"][-1] == min(
        r.metrics["error"] for t in study.trials if t.status == "completed" for r in t.reports
    )
    rungs = browser.json(at("rungs", study))
    assert rungs["levels"] == [3] and len(rungs["trial"]) == sum(
        t.status == "completed" for t in study.trials
    )
    one = browser.json(at("trial", study, trial=study.best_trial.number))
    assert one["curves"]["error"]["y"] == [r.metrics["error"] for r in study.best_trial.reports]
    failed = next(t for t in study.trials if t.status == "failed")
    told = browser.json(at("trial", study, trial=failed.number))
    assert "ValueError" in told["attempts"][0]["traceback"]
    assert browser.json(at("log", study, trial=0, attempt=1)) == {"text": ""}
    assert "searcher: random" in browser.json(at("explain", study))["text"]
    assert browser.json(at("card", study))["finished"] == 12
    assert [info["name"] for info in browser.json("/api/studies")["studies"]] == [study.name]


def test_what_is_only_reported_stays_hidden_and_looking_is_no_look(study, browser):
    parts = ["study", "curves", "timeline", "anytime", "rungs", "card", "hypervolume", "explain"]
    everything = [browser.ask(at(part, study))[2] for part in parts]
    everything += [browser.ask(at("trial", study, trial=t.number))[2] for t in study.trials]
    assert not any(b"0.123456" in part for part in everything)
    status, _, told = browser.ask(at("curves", study, metric="test_error"))
    assert status == 400 and b"only reported" in told
    assert study.refresh() == 0 and study.state.looks == 0


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", None, "192.168.0.1"]
)
def test_a_page_from_elsewhere_is_not_let_in_by_its_own_name(browser, host):
    status, _, data = browser.ask("/api/studies", Host=host)
    assert status == 421 and b"studies" not in data


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:8274"])
def test_a_tunnel_may_end_at_any_port(browser, host):
    assert browser.ask("/api/studies", Host=host)[0] == 200


def test_the_browser_is_given_no_way_to_run_what_a_study_says(browser):
    for path in ("/", "/static/main.js", "/api/studies", "/nothing"):
        _, headers, _ = browser.ask(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    for item in served.STATIC.iterdir():
        code = item.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", code
        ), item


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/static/../server.py", 404), ("/static/%2e%2e%2fserver.py", 404), ("/etc/passwd", 404), ("/api/nothing", 400),
        ("/api/study", 400), ("/api/study?study=other", 404), ("/api/curves?study={}&trials=99", 404),
        ("/api/curves?study={}&trials=a", 400), ("/api/trial?study={}&trial=-1", 400), ("/api/trial?study={}&trial=99", 404),
        ("/api/file?study={}&trial=0&note=0&file=0", 404), ("/api/log?study={}&trial=0&attempt=../../x", 400),
    ],
)  # fmt: skip
def test_a_wrong_question_gets_an_answer(study, browser, path, status):
    found, _, data = browser.ask(path.format(quote(study.name)))
    assert found == status and json.loads(data)["error"]


def test_a_change_arrives_within_a_second():
    study = rung.Study(
        {"x": rung.Float(0, 1)}, metric="error", max_resource=9, searcher="random", storage=":memory:"
    )
    with study, rung.dashboard(study, port=0) as page:
        browser = Browser(page)
        connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=10)
        connection.request("GET", f"/api/events?study={quote(study.name)}")
        answer = connection.getresponse()
        trial = study.ask()
        study.report(trial, epoch=1, error=0.25)
        began, seen = time.monotonic(), []
        while not any(change["points"]["metrics"].get("error") for change in seen):
            line = answer.readline()
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
        assert time.monotonic() - began < 5  # on a busy machine; alone it is a quarter of a second
        assert seen[-1]["points"]["metrics"]["error"][-1] == 0.25
        assert seen[-1]["trials"]["status"] == ["running"] and seen[-1]["version"] == study.state.events
        connection.close()


def test_only_the_token_stops_a_trial_and_nobody_stops_what_does_not_run(study):
    with rung.dashboard(study, port=0, allow_stop=True) as page:
        browser = Browser(page)
        body = json.dumps({"study": study.name, "trial": None})
        assert browser.token
        assert browser.ask("/api/stop", "POST", body)[0] == 403
        assert browser.ask("/api/stop", "POST", body, X_Rung_Token="wrong")[0] == 403
        assert (
            browser.ask("/api/stop", "POST", body, X_Rung_Token=browser.token, Origin="http://evil.example")[
                0
            ]
            == 403
        )
        status, _, told = browser.ask("/api/stop", "POST", body, X_Rung_Token=browser.token)
        assert status == 500 and b"nobody runs" in told
        assert browser.ask("/api/stop", "POST", "[]", X_Rung_Token=browser.token)[0] == 400
        assert browser.ask("/api/stop", "POST", "x" * 9999, X_Rung_Token=browser.token)[0] == 413


def test_the_page_asks_as_rung_stop_does():
    storage = MemoryStorage()
    study = rung.Study({"x": rung.Float(0, 1)}, searcher="random", storage=storage, name="s")
    with study, rung.dashboard(study, port=0, allow_stop=True) as page:
        browser = Browser(page)
        study.ask()
        asked = [json.dumps({"study": "s", "trial": number}) for number in (0, None, 7)]
        answers = [browser.ask("/api/stop", "POST", body, X_Rung_Token=browser.token)[0] for body in asked]
        assert answers == [200, 200, 404]
        assert sorted(storage.requests(study._session._lease)) == ["stop", "stop-0"]


def test_a_page_that_may_not_stop_has_no_token(study, browser):
    assert not browser.token
    body = json.dumps({"study": study.name, "trial": None})
    assert browser.ask("/api/stop", "POST", body, X_Rung_Token="")[0] == 403


def test_pictures_are_shown_and_other_files_saved(tmp_path):
    def logs(config, trial):
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
        (tmp_path / "b.html").write_text("<script>alert(1)</script>")
        trial.log(picture=tmp_path / "a.png", page=tmp_path / "b.html", words="<b>")
        return 1.0

    study = rung.tune(
        logs, {"x": rung.Float(0, 1)}, n_trials=1, searcher="random", storage=tmp_path / "s", progress=False
    )
    with rung.dashboard(study, port=0) as page:
        browser = Browser(page)
        notes = browser.json(at("trial", study, trial=0))["notes"][0]
        kinds = {
            name: browser.ask(at("file", study, trial=0, note=0, file=i))[1]
            for i, name in enumerate(notes["files"])
        }
        assert kinds["picture"]["Content-Type"] == "image/png"
        assert (
            kinds["page"]["Content-Type"] == "application/octet-stream"
            and kinds["page"]["Content-Disposition"]
        )


def test_a_deleted_study_says_so_and_the_port_is_free_again(tmp_path):
    study = tuned(storage=tmp_path, name="gone", n_trials=1)
    with rung.dashboard(storage=tmp_path, port=0) as page:
        browser = Browser(page)
        assert browser.json("/api/study?study=gone")["trials"]["number"] == [0]
        study.close()
        rung.storage.open_storage(tmp_path).delete("gone", rung.storage.Owner("here", 1, 0.0))
        status, _, told = browser.ask("/api/study?study=gone")
        assert status == 404 and b"gone" in told and browser.json("/api/studies")["studies"] == []
    with rung.dashboard(storage=tmp_path, port=browser.port):
        pass


def test_wrong_arguments_of_the_page():
    with pytest.raises(rung.errors.StudyNotFound):
        rung.dashboard("nothing", storage=":memory:")
    with pytest.raises(rung.errors.ArgumentError, match="port=70000"):
        rung.dashboard(storage=":memory:", port=70000)
    with (
        rung.dashboard(storage=":memory:", port=0) as page,
        pytest.raises(rung.errors.ArgumentError, match="can't be used"),
    ):
        rung.dashboard(storage=":memory:", port=Browser(page).port)
