import pytest
from tests.server.clients import client_of


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "127.0.0.1"])
def test_this_machine_is_answered(client, host):
    assert client.get("/api/answers/progress", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "127.0.0.1@evil.example", "", "[::1"]
)
def test_a_foreign_host_is_refused(client, host):
    response = client.get("/api/answers/progress", headers={"host": host})
    assert response.status_code == 403
    assert response.json()["code"] == "forbidden"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1:8765", "null"])
def test_a_foreign_origin_is_refused(client, origin):
    assert client.get("/api/answers/progress", headers={"origin": origin}).status_code == 403


def test_the_pages_own_origin_is_answered(client):
    assert client.get("/api/answers/progress", headers={"origin": "http://127.0.0.1:8765"}).status_code == 200


def test_every_answer_forbids_other_sites(client):
    for address in ("/api/answers/progress", "/api/nothing", "/"):
        headers = client.get(address).headers
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/../run.json", "/%2e%2e/run.json", "/assets/../../__init__.py", "/assets/%2e%2e/index.html%00", "/..%2frun.json",
     "/api/answers/preview?image=..%2f..%2frun.json", "/api/answers/preview?image=%2e%2e"],
)  # fmt: skip
def test_no_path_leads_out(run, tmp_path, path):
    (tmp_path / "static" / "assets").mkdir(parents=True)
    (tmp_path / "static" / "index.html").write_text("page")
    (tmp_path / "run.json").write_text("secret")
    response = client_of(run, static=tmp_path / "static").get(path)
    assert response.status_code in {404, 422}
    assert "secret" not in response.text


def test_a_preview_that_is_a_link_out_of_the_run_is_refused(tmp_path):
    from tests.synthetic_run import synthetic_run

    run = synthetic_run(tmp_path / "run")
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"secret")
    run.preview(3).unlink()
    (run.path / "previews" / "3.png").symlink_to(outside)
    response = client_of(run).get("/api/answers/preview?image=3")
    assert response.status_code == 409
    assert "secret" not in response.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_of_another_sites_page_is_refused_before_it_costs_work(client, site):
    for mode in ("no-cors", "cors", "navigate"):
        response = client.get("/api/answers/summary", headers={"sec-fetch-site": site, "sec-fetch-mode": mode})
        assert response.status_code == 403
    assert client.get("/", headers={"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}).status_code == 403


def test_a_link_on_another_page_opens_the_page(client):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=headers).status_code != 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_pages_own_requests_and_typed_addresses_are_answered(client, site):
    assert client.get("/api/answers/progress", headers={"sec-fetch-site": site}).status_code == 200


def test_with_a_token_only_who_shows_it_is_answered(run):
    client = client_of(run, token="s3cret")
    for headers in ({}, {"authorization": "token wrong"}, {"cookie": "vitscope-token=wrong"}, {"cookie": '"\x00=;;'}):
        assert client.get("/api/answers/progress", headers=headers).status_code == 403
        assert client.get("/", headers=headers).status_code == 403
    assert client.get("/api/answers/progress?token=wrong").status_code == 403
    assert client.get("/api/answers/progress", headers={"authorization": "token s3cret"}).status_code == 200
    response = client.get("/api/answers/progress?token=s3cret")
    assert response.status_code == 200
    assert "HttpOnly; SameSite=Strict" in response.headers["set-cookie"]
    client.cookies.set("vitscope-token", "s3cret")
    assert client.get("/api/answers/progress").status_code == 200
    assert "set-cookie" not in client.get("/api/answers/progress").headers


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "/api/answers/progress"), ("delete", "/api/answers/images"), ("put", "/"), ("get", "/api/lab/scope")],
)
def test_a_wrong_method_is_405(client, method, path):
    assert getattr(client, method)(path).status_code == 405
