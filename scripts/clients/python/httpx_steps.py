"""What people do with httpx: steps.py says how the steps are taken."""

import asyncio
import gzip as coding
import hashlib
import io

import httpx

from steps import main, pieces, same_file

BIG = b"upload\n" * 400_000


def shown(response):
    return {
        "status": response.status_code,
        "type": response.headers.get("content-type"),
        "bytes": len(response.content),
        "sha256": hashlib.sha256(response.content).hexdigest(),
        "history": [r.status_code for r in response.history],
    }


def session(base, key):
    return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60)


def get(s, base):
    return shown(s.get("/file/a"))


def query(s, base):
    return s.get("/echo/q", params={"q": "a b&c=ü/+", "list": ["1", "2"]}).json()["target"].split("?")[1]


def streamed(s, base):
    with s.stream("GET", "/file/a") as response:
        return [response.status_code, same_file(response.iter_bytes()), response.headers.get("content-length")]


def raw_stream(s, base):
    with s.stream("GET", "/file/a", headers={"Range": "bytes=600000-"}) as response:
        return [response.status_code, same_file(response.iter_raw()), response.headers["content-range"]]


def gzip(s, base):
    return shown(s.get("/stored/gzip"))


def br(s, base):
    return shown(s.get("/stored/br"))


def negotiated(s, base):
    return shown(s.get("/negotiated/a"))


def form(s, base):
    return s.post("/echo/form", data={"a": "1", "c": "ü &"}).json()


def json(s, base):
    return s.post("/echo/json", json={"a": [1, 2.5, None, "ü"]}).json()


def multipart(s, base):
    return s.post("/upload/form", data={"title": "ü"}, files={"file": ("ü.bin", io.BytesIO(BIG), "application/x-a")}).json()


def gzipped_body(s, base):
    body = coding.compress(b"a=1&b=2", mtime=0)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}
    return s.post("/upload/a", content=body, headers=headers).json()


def uploaded(s, base):
    return s.put("/upload/a", content=BIG).json()


def generated(s, base):
    return s.post("/upload/a", content=pieces()).json()


def redirected(s, base):
    return shown(s.get("/redirect/", params={"to": "/file/a"}, follow_redirects=True))


def not_redirected(s, base):
    return s.get("/redirect/", params={"to": "/file/a"}).status_code


def error(s, base):
    response = s.get("/nothing/a")
    return [response.status_code, response.reason_phrase, response.json()]


def at_once(s, base):
    async def all_of_them():
        async with httpx.AsyncClient(base_url=base, headers=s.headers) as client:
            return [r.status_code for r in await asyncio.gather(*(client.get("/echo/same") for _ in range(20)))]

    return asyncio.run(all_of_them())


def not_covered(s, base):
    return s.options("/file/a").text


def too_large(s, base):
    return s.put("/upload/a", content=b"a" * (21 << 20)).text


def generated_and_not_covered(s, base):
    return s.request("MKCOL", "/upload/a", content=(b"a" * 65536 for _ in range(500))).text


def wrong_token(s, base):
    return s.get("/file/a").text


main(session, [
    get, query, streamed, raw_stream, gzip, br, negotiated, form, json, multipart, gzipped_body, uploaded, generated,
    redirected, not_redirected, error, at_once,
], [not_covered, too_large, generated_and_not_covered, wrong_token])
