"""Requests in FastAPI: a coroutine awaits them, a plain function waits for them."""

from fastapi import FastAPI, HTTPException

from urlrequest import UrlRequest

app = FastAPI()


@app.get("/awaited")
async def awaited(url: str) -> dict[str, object]:
    """Other clients are served while this one waits; a client that leaves cancels the request."""
    request = await UrlRequest(url, deadline=10)
    return {"status": request.resp_status, "bytes": len(request.content or b"")}


@app.get("/waited")
def waited(url: str) -> dict[str, object]:
    """FastAPI runs a plain function on a thread of its own, where it may wait."""
    with UrlRequest(url, deadline=10) as request:
        request.wait()
    if request.error is not None:
        raise HTTPException(502, str(request.error))
    return {"status": request.resp_status, "bytes": len(request.content or b"")}
