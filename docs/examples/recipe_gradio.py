"""Requests in Gradio: a generator waits and shows how far it is; a coroutine awaits."""

from collections.abc import Iterator

import gradio as gr

from urlrequest import UrlRequest


def waited(url: str) -> Iterator[str]:
    """Gradio runs it on a thread of its own; when the user stops it, Gradio closes it, which ends the with block."""
    yield "waiting"  # before the request: Gradio closes a generator only after its first output
    with UrlRequest(url) as request:
        while not request.wait(timeout=0.2):
            yield "waiting"
    yield str(request.error or f"{len(request.content)} bytes")


async def awaited(url: str) -> str:
    """Gradio cancels the coroutine, and so the request, when the user stops it."""
    try:
        request = await UrlRequest(url)
    except OSError as error:
        return str(error)
    return f"{len(request.content)} bytes"


with gr.Blocks() as page:
    address, shown = gr.Textbox(label="URL"), gr.Textbox(label="Size")
    running = [gr.Button(f.__name__).click(f, address, shown) for f in (waited, awaited)]
    gr.Button("Stop").click(None, cancels=running)

if __name__ == "__main__":
    page.launch()
