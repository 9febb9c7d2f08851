"""What people do with requests and urllib3: steps.py says how the steps are taken."""

import hashlib
import io

import requests
from requests.adapters import HTTPAdapter
from urllib3.filepost import encode_multipart_formdata
from urllib3.util.retry import Retry

from steps import main, pieces, same_file

BIG = b"upload\n" * 400_000


def shown(response):
    body = response.content
    return {
        "status": response.status_code,
        "type": response.headers.get("content-type"),
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "history": [r.status_code for r in response.history],
    }


def session(base, key):
    s = requests.Session()
    s.headers["Authorization"] = f"Bearer {key}"
    return s


def get(s, base):
    return shown(s.get(f"{base}/file/a"))


def query(s, base):
    return s.get(f"{base}/echo/q", params={"q": "a b&c=ü/+", "list": ["1", "2"], "empty": ""}).json()["target"].split("?")[1]


def path_characters(s, base):
    return shown(s.get(f"{base}/echo/a b/ü;v=1,2/(c)'!*$&+@:=~/[d]"))


def conditional(s, base):
    first = s.get(f"{base}/file/a")
    second = s.get(f"{base}/file/a", headers={"If-None-Match": first.headers["etag"]})
    return [shown(first), shown(second), second.headers["etag"] == first.headers["etag"]]


def head(s, base):
    response = s.head(f"{base}/file/a")
    return {name: response.headers.get(name) for name in ("content-length", "etag", "last-modified", "accept-ranges")}


def ranged(s, base):
    response = s.get(f"{base}/file/a", headers={"Range": "bytes=500000-"})
    return [shown(response), response.headers["content-range"]]


def range_that_changed(s, base):
    return shown(s.get(f"{base}/file/a", headers={"Range": "bytes=500000-", "If-Range": '"another"'}))


def range_behind_the_end(s, base):
    response = s.get(f"{base}/file/a", headers={"Range": "bytes=99999999-"})
    return [response.status_code, response.headers.get("content-range")]


def streamed(s, base):
    with s.get(f"{base}/file/a", stream=True) as response:
        return [response.status_code, same_file(response.iter_content(4096)), response.headers.get("content-length")]


def lines(s, base):
    with s.get(f"{base}/stored/none", stream=True) as response:
        return sum(1 for _ in response.iter_lines())


def gzip(s, base):
    return shown(s.get(f"{base}/stored/gzip"))


def deflate(s, base):
    return shown(s.get(f"{base}/stored/deflate"))


def br(s, base):
    return shown(s.get(f"{base}/stored/br"))


def negotiated(s, base):
    return shown(s.get(f"{base}/negotiated/a"))


def form(s, base):
    return s.post(f"{base}/echo/form", data={"a": "1", "b[]": ["x", "y"], "c": "ü &"}).json()


def json(s, base):
    return s.post(f"{base}/echo/json", json={"a": [1, 2.5, None, "ü"]}).json()


def gzipped_body(s, base):
    import gzip as coding

    body = coding.compress(b'{"a": 1}', mtime=0)
    return s.post(f"{base}/upload/a", data=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}).json()


def multipart(s, base):
    body, content_type = encode_multipart_formdata({"title": "ü", "file": ("a.bin", bytes(range(256)) * 40, "application/x-a")}, boundary="boundary")
    return s.post(f"{base}/upload/form", data=body, headers={"Content-Type": content_type}).json()


def files(s, base):
    return s.post(f"{base}/upload/form", data={"title": "ü"}, files={"file": ("ü.bin", io.BytesIO(BIG), "application/x-a")}).json()


def uploaded(s, base):
    return s.put(f"{base}/upload/a", data=io.BytesIO(BIG)).json()


def generated(s, base):
    return s.post(f"{base}/upload/a", data=pieces()).json()


def empty_post(s, base):
    return s.post(f"{base}/echo/empty").json()


def patch(s, base):
    return s.patch(f"{base}/echo/a", json={"a": None}, headers={"If-Match": '"v1"', "Content-Type": "application/merge-patch+json"}).json()


def delete(s, base):
    return s.delete(f"{base}/echo/a").json()["method"]


def delete_with_a_body(s, base):
    return s.delete(f"{base}/echo/a", json={"ids": [1, 2]}).json()


def redirected(s, base):
    return shown(s.get(f"{base}/redirect/", params={"to": "/file/a"}))


def redirected_form(s, base):
    return shown(s.post(f"{base}/redirect/", params={"to": "/echo/a", "status": "307"}, data={"a": "1"}))


def not_redirected(s, base):
    return shown(s.get(f"{base}/redirect/", params={"to": "/file/a"}, allow_redirects=False))


def retried(s, base):
    retry = Retry(total=2, status_forcelist=[503], respect_retry_after_header=True, backoff_factor=0)
    s.mount("http://", HTTPAdapter(max_retries=retry))
    return shown(s.get(f"{base}/retried/requests"))


def error(s, base):
    response = s.get(f"{base}/nothing/a")
    return [response.status_code, response.reason, response.json()]


def kept_connection(s, base):
    return [s.get(f"{base}/echo/{n}").status_code for n in range(20)]


def not_covered(s, base):
    return s.options(f"{base}/file/a").text


def too_large(s, base):
    return s.put(f"{base}/upload/a", data=b"a" * (21 << 20)).text


def generated_and_not_covered(s, base):
    return s.request("MKCOL", f"{base}/upload/a", data=(b"a" * 65536 for _ in range(500))).text


def wrong_token(s, base):
    return s.get(f"{base}/file/a").text


main(session, [
    get, query, path_characters, conditional, head, ranged, range_that_changed, range_behind_the_end, streamed, lines,
    gzip, deflate, br, negotiated, form, json, gzipped_body, multipart, files, uploaded, generated, empty_post, patch, delete,
    delete_with_a_body, redirected, redirected_form, not_redirected, retried, error, kept_connection,
], [not_covered, too_large, generated_and_not_covered, wrong_token])
