"""A marimo notebook: cells run in asyncio's loop, so a cell awaits, and callbacks run between cells."""

# ruff: noqa: ANN001, ANN202, N803 - marimo writes the functions of cells, and names their parameters
import marimo

app = marimo.App()


@app.cell
def _():
    import sys

    import marimo as mo

    from urlrequest import UrlRequest

    url = sys.argv[-1]
    return UrlRequest, mo, url


@app.cell
async def _(UrlRequest, mo, url):
    with mo.status.progress_bar(total=100, title="Fetching") as bar:
        answer = await UrlRequest(
            url,
            on_progress=lambda _, current, total: bar.update_progress(int(100 * current / total) if total > 0 else 0),
            progress_interval=0.1,
        )
    print(len(answer.content), "bytes")
    return (answer,)


if __name__ == "__main__":
    app.run()
