"""Requests in Flask: a plain view waits for them, an asynchronous one awaits them."""

from flask import Flask, Response, abort, request

from urlrequest import Session, UrlRequest, wait_all

app = Flask(__name__)
session = Session(deadline=10)  # keeps connections open from one view to the next


@app.get("/waited")
def waited() -> dict[str, object]:
    """Fetch several URLs at once, and return when all are there."""
    answers = [session.get(url) for url in request.args.getlist("url")]
    wait_all(answers)
    return {"bytes": [len(answer.content or b"") for answer in answers]}


@app.get("/awaited")
async def awaited() -> dict[str, object]:
    """Fetch one URL; Flask needs its extra for this, `pip install "flask[async]"`."""
    try:
        answer = await UrlRequest(request.args["url"], deadline=10)
    except OSError as error:
        abort(Response(str(error), 502))
    return {"status": answer.resp_status}
