"""Cells of a Jupyter notebook: the first awaits, because the kernel runs on asyncio; the second waits."""

# %%
from urlrequest import UrlRequest

url = "http://127.0.0.1:8000/"

# %% [markdown]
# While a cell awaits, the kernel goes on.

# %%
request = await UrlRequest(url)  # noqa: F704, PLE1142 - a cell may await
print(len(request.content), "bytes")

# %% [markdown]
# A cell that waits runs the callbacks itself, because the kernel's loop stands still meanwhile.

# %%
request = UrlRequest(url, on_success=lambda request, _: print(len(request.content), "bytes"))
request.wait()
