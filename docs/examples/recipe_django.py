"""Requests in Django: a plain view waits, an asynchronous one awaits. This is the module of the views and URLs."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

from urlrequest import Session, UrlRequest

session = Session(deadline=10)  # keeps connections open from one view to the next


def waited(request: HttpRequest) -> JsonResponse:
    """Wait; the response's own errors become a 502."""
    answer = session.get(request.GET["url"])
    answer.wait()
    if answer.error is not None:
        return JsonResponse({"error": str(answer.error)}, status=502)
    return JsonResponse({"bytes": len(answer.content or b"")})


async def awaited(request: HttpRequest) -> JsonResponse:
    """Await, under ASGI and WSGI alike; a client that leaves cancels the request."""
    try:
        answer = await UrlRequest(request.GET["url"], deadline=10)
    except OSError as error:
        return JsonResponse({"error": str(error)}, status=502)
    return JsonResponse({"bytes": len(answer.content or b"")})


urlpatterns = [path("waited", waited), path("awaited", awaited)]
