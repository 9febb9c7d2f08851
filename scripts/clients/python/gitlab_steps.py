"""What people do with python-gitlab: steps.py says how the steps are taken."""

import base64

import gitlab

from steps import main

PROJECT = "acme/web.app"


def session(base, key):
    return gitlab.Gitlab(base, private_token=key, retry_transient_errors=True)


def user(gl, base):
    gl.auth()
    return gl.user.username


def project(gl, base):
    return gl.projects.get(PROJECT).attributes


def lazy_project(gl, base):
    return [issue.title for issue in gl.projects.get(PROJECT, lazy=True).issues.list(page=1, per_page=2)]


def page(gl, base):
    issues = gl.projects.get(PROJECT, lazy=True).issues.list(iterator=True, per_page=2)
    return [issues.total, issues.total_pages, issues.current_page, issues.next_page, issues.per_page]


def all_pages(gl, base):
    return [issue.title for issue in gl.projects.get(PROJECT, lazy=True).issues.list(get_all=True, per_page=2)]


def keyset(gl, base):
    return [p.id for p in gl.projects.list(iterator=True, pagination="keyset", order_by="id", per_page=2)]


def file(gl, base):
    found = gl.projects.get(PROJECT, lazy=True).files.get(file_path="src/lib/a b.ts", ref="main")
    return [found.file_path, found.decode().decode()]


def raw_file(gl, base):
    return gl.projects.get(PROJECT, lazy=True).files.raw(file_path="src/lib/ü.ts", ref="feature/x").decode()


def raw_file_streamed(gl, base):
    parts = []
    gl.projects.get(PROJECT, lazy=True).files.raw(file_path="src/lib/a b.ts", ref="main", streamed=True, action=parts.append)
    return b"".join(parts).decode()


def file_head(gl, base):
    headers = gl.http_head(f"/projects/{PROJECT.replace('/', '%2F')}/repository/files/src%2Flib%2Fa.ts", ref="main")
    return [headers.get("X-Gitlab-File-Path"), headers.get("X-Gitlab-Size"), headers.get("X-Gitlab-Content-Sha256")]


def new_file(gl, base):
    content = base64.b64encode(b"\x00\x01").decode()
    data = {"file_path": "docs/new.bin", "branch": "main", "content": content, "encoding": "base64", "commit_message": "new"}
    return gl.projects.get(PROJECT, lazy=True).files.create(data).attributes


def branch(gl, base):
    return gl.projects.get(PROJECT, lazy=True).branches.get("feature/x").name


def new_issue(gl, base):
    return gl.projects.get(PROJECT, lazy=True).issues.create({"title": "ü & more", "labels": ["a", "b"]}).attributes


def variable(gl, base):
    return gl.projects.get(PROJECT, lazy=True).variables.get("KEY", filter={"environment_scope": "prod/*"}).value


def upload(gl, base):
    return gl.projects.get(PROJECT).upload("ü.png", filedata=b"\x89PNG" * 100)


def package(gl, base):
    return gl.projects.get(PROJECT, lazy=True).generic_packages.upload("tool", "1.0", "tool.tgz", path=__file__).attributes["message"]


def archive(gl, base):
    return len(gl.projects.get(PROJECT, lazy=True).repository_archive(format="tar.gz"))


def removed(gl, base):
    return gl.projects.get(PROJECT, lazy=True).issues.delete(1)


def limited(gl, base):
    return gl.http_get("/limited")["tries"]


def error(gl, base):
    return gl.projects.get("acme/nothing").attributes


def not_granted(gl, base):
    return gl.projects.get(PROJECT, lazy=True).pipelines.list()


def not_covered(gl, base):
    return gl.groups.list()


def wrong_token(gl, base):
    gl.auth()


main(session, [
    user, project, lazy_project, page, all_pages, keyset, file, raw_file, raw_file_streamed, file_head, new_file, branch, new_issue,
    variable, upload, package, archive, removed, limited, error,
], [not_granted, not_covered, wrong_token])
