"""The HTTP of the local Hub: the endpoints that ``huggingface_hub`` uses for models, with LFS transport.

Xet is not spoken: the tests set HF_HUB_DISABLE_XET=1, with which the client uploads through LFS.
"""

import base64
import hashlib
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .store import LARGE_FROM_BYTES, Blob, Commit, Repo, Store, is_large


def make_app(store: Store) -> Starlette:
    hub = _Hub(store)
    repo = "{namespace}/{name}"
    return Starlette(
        routes=[
            Route("/api/whoami-v2", hub.whoami),
            Route("/api/repos/create", hub.create, methods=["POST"]),
            Route("/api/validate-yaml", hub.validate_yaml, methods=["POST"]),
            Route("/api/models", hub.listed),
            Route(f"/api/models/{repo}", hub.info),
            Route(f"/api/models/{repo}/revision/{{revision}}", hub.info),
            Route(f"/api/models/{repo}/tree/{{revision}}", hub.tree),
            Route(f"/api/models/{repo}/preupload/{{revision}}", hub.preupload, methods=["POST"]),
            Route(f"/api/models/{repo}/commit/{{revision}}", hub.commit, methods=["POST"]),
            Route("/{namespace}/{name}.git/info/lfs/objects/batch", hub.lfs_batch, methods=["POST"]),
            Route("/lfs/{oid}", hub.lfs_put, methods=["PUT"]),
            Route("/lfs/{oid}/verify", hub.lfs_verify, methods=["POST"]),
            Route("/cdn/{oid}", hub.cdn, methods=["GET", "HEAD"]),
            Route(f"/{repo}/resolve/{{revision}}/{{path:path}}", hub.resolve, methods=["GET", "HEAD"]),
        ]
    )


class _Hub:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def whoami(self, request: Request) -> Response:
        account = self.store.accounts.get(_token(request) or "")
        if account is None:
            return _error(401, "Invalid username or password.")
        token = {"displayName": "test", "role": account.role}
        orgs = [{"type": "org", "name": name, "roleInOrg": "write"} for name in account.orgs]
        return JSONResponse({"type": "user", "name": account.name, "orgs": orgs, "auth": {"accessToken": token}})

    async def create(self, request: Request) -> Response:
        asked = await request.json()
        account = self.store.accounts.get(_token(request) or "")
        if account is None:
            return _error(401, "Invalid username or password.")
        namespace = asked.get("organization") or account.name
        if not self.store.may_write(_token(request), namespace):
            return _error(403, f'You don\'t have the rights to create a model under the namespace "{namespace}"')
        repo_id = f"{namespace}/{asked['name']}"
        url = f"{str(request.base_url).rstrip('/')}/{repo_id}"
        if repo_id in self.store.repos:
            return JSONResponse({"error": "You already created this model repo", "url": url}, status_code=409)
        self.store.repos[repo_id] = Repo(private=asked.get("visibility") == "private")
        return JSONResponse({"url": url, "name": repo_id, "id": repo_id})

    async def validate_yaml(self, request: Request) -> Response:
        content = (await request.json())["content"]
        if "model-index" not in content:
            return JSONResponse({"errors": [{"message": '"model-index" is missing'}], "warnings": []}, status_code=400)
        return JSONResponse({"errors": [], "warnings": []})

    async def listed(self, request: Request) -> Response:
        """Public models with all the tags asked for, some at a time: the next page is named in the header ``Link``."""
        tags = set(request.query_params.getlist("filter"))
        may_see = self.store.accounts.get(_token(request) or "")
        wanted = []
        for repo_id, repo in self.store.repos.items():
            card = repo.metadata
            if tags <= card_tags(card) and (not repo.private or may_see is not None):
                wanted.append((repo_id, repo, card))
        first = int(request.query_params.get("cursor", "0"))
        size = min(int(request.query_params.get("limit", "1000")), self.store.largest_page)
        expand = request.query_params.getlist("expand")
        page = [_listed(*each, expand) for each in wanted[first : first + size]]
        headers = {}
        if first + size < len(wanted):
            following = request.url.include_query_params(cursor=first + size)
            headers["Link"] = f'<{following}>; rel="next"'
        body = self.store.listed_instead or json.dumps(page, default=str).encode()
        return Response(body, 200, headers, "application/json")

    async def info(self, request: Request) -> Response:
        repo, commit = self._seen(request)
        if repo is None or commit is None:
            return _no_repo(request)
        blobs = request.query_params.get("blobs", "").lower() == "true"
        files = [{"rfilename": path, **(_facts(blob) if blobs else {})} for path, blob in commit.files.items()]
        repo_id = _repo_id(request)
        return JSONResponse({"id": repo_id, "sha": commit.oid, "private": repo.private, "siblings": files, "tags": []})

    async def tree(self, request: Request) -> Response:
        _, commit = self._seen(request)
        if commit is None:
            return _no_repo(request)
        entries = []
        for path, blob in commit.files.items():
            facts: dict[str, Any] = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.git_id}
            if blob.large:
                facts["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": 130}
            entries.append(facts)
        return JSONResponse(entries)

    async def preupload(self, request: Request) -> Response:
        refused = self._refuse_writing(request)
        if refused is not None:
            return refused
        head, answers = self.store.repos[_repo_id(request)].head.files, []
        for file in (await request.json())["files"]:
            large = file["size"] >= LARGE_FROM_BYTES or is_large(file["path"], b"")
            there = head.get(file["path"])
            answer = {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            answers.append({**answer, "oid": there.oid} if there is not None else answer)
        return JSONResponse({"files": answers})

    async def lfs_batch(self, request: Request) -> Response:
        refused = self._refuse_writing(request)
        if refused is not None:
            return refused
        objects, base = [], str(request.base_url)
        for each in (await request.json())["objects"]:
            if each["oid"] not in self.store.objects:
                where = f"{base}lfs/{each['oid']}"
                each = {**each, "actions": {"upload": {"href": where}, "verify": {"href": f"{where}/verify"}}}
            objects.append(each)
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def lfs_put(self, request: Request) -> Response:
        content = await request.body()
        if hashlib.sha256(content).hexdigest() != request.path_params["oid"]:
            return _error(400, "the content is not what its oid says")
        self.store.objects[request.path_params["oid"]] = content
        return Response()

    async def lfs_verify(self, request: Request) -> Response:
        return Response(status_code=200 if request.path_params["oid"] in self.store.objects else 404)

    async def commit(self, request: Request) -> Response:
        refused = self._refuse_writing(request)
        if refused is not None:
            return refused
        repo = self.store.repos[_repo_id(request)]
        header: dict[str, Any] = {}
        files: dict[str, Blob | None] = {}
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                header = value
            elif item["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif item["key"] == "deletedFile":
                if value["path"] not in repo.head.files:
                    return _error(400, f"there is no file {value['path']} to delete")
                files[value["path"]] = None
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.store.objects:
                    return _error(400, f"the LFS object {value['oid']} was never uploaded")
                files[value["path"]] = Blob(self.store.objects[value["oid"]], True)
        if header.get("parentCommit") not in (None, repo.head.oid):
            return _error(412, "A commit has happened since. Please refresh and try again.")
        commit = repo.commit(header["summary"], files)
        url = f"{request.base_url}{_repo_id(request)}/commit/{commit.oid}"
        return JSONResponse({"success": True, "commitOid": commit.oid, "commitUrl": url, "hookOutput": ""})

    async def resolve(self, request: Request) -> Response:
        _, commit = self._seen(request)
        if commit is None:
            return _no_repo(request)
        blob = commit.files.get(request.path_params["path"])
        if blob is None:
            return _error(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.git_id}"'}
        if blob.large:
            self.store.objects[blob.sha256] = blob.content
            # to another host, as the Hub does: the client follows only redirects to the same one before it downloads
            elsewhere = f"http://localhost:{request.url.port}/cdn/{blob.sha256}"
            linked = {"X-Linked-Size": str(len(blob.content)), "X-Linked-Etag": f'"{blob.sha256}"'}
            return Response(status_code=302, headers={**headers, **linked, "Location": elsewhere})
        return _content(request, blob.content, headers)

    async def cdn(self, request: Request) -> Response:
        oid = request.path_params["oid"]
        return _content(request, self.store.sent_instead.get(oid, self.store.objects[oid]), {})

    def _seen(self, request: Request) -> tuple[Repo | None, Commit | None]:
        repo = self.store.repos.get(_repo_id(request))
        namespace = request.path_params["namespace"]
        if repo is None or (repo.private and not self.store.may_write(_token(request), namespace)):
            return None, None
        return repo, repo.at(request.path_params.get("revision", "main"))

    def _refuse_writing(self, request: Request) -> Response | None:
        if self.store.accounts.get(_token(request) or "") is None:
            return _error(401, "Invalid username or password.")
        if not self.store.may_write(_token(request), request.path_params["namespace"]):
            return _error(403, "You have no write access to this repository.")
        return None if _repo_id(request) in self.store.repos else _no_repo(request)


def card_tags(card: dict[str, Any]) -> set[str]:
    tags = card.get("tags")
    return {each for each in tags if isinstance(each, str)} if isinstance(tags, list) else set()


def _listed(repo_id: str, repo: Repo, card: dict[str, Any], expand: list[str]) -> dict[str, Any]:
    facts = {
        "cardData": card,
        "siblings": [{"rfilename": path} for path in repo.head.files],
        "lastModified": repo.modified,
        "library_name": card.get("library_name"),
        "downloads": 0,
        "likes": 0,
    }
    return {"id": repo_id, "_id": repo.head.oid, **{key: value for key, value in facts.items() if key in expand}}


def _token(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else None


def _repo_id(request: Request) -> str:
    return f"{request.path_params['namespace']}/{request.path_params['name']}"


def _facts(blob: Blob) -> dict[str, Any]:
    facts: dict[str, Any] = {"size": len(blob.content), "blobId": blob.git_id}
    if blob.large:
        facts["lfs"] = {"sha256": blob.sha256, "size": len(blob.content), "pointerSize": 130}
    return facts


def _content(request: Request, content: bytes, headers: dict[str, str]) -> Response:
    asked = request.headers.get("range", "")
    if asked.startswith("bytes=") and asked.endswith("-"):
        first = int(asked[len("bytes=") : -1])
        headers = {**headers, "Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
        return Response(content[first:], 206, headers, "application/octet-stream")
    return Response(content, 200, headers, "application/octet-stream")


def _no_repo(request: Request) -> Response:
    if _token(request) is None:  # the Hub does not tell strangers whether a repository exists
        return _error(401, "Invalid username or password.", "RepoNotFound")
    return _error(404, "Repository not found", "RepoNotFound")


def _error(status: int, message: str, code: str | None = None) -> Response:
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return JSONResponse({"error": message}, status_code=status, headers=headers)
