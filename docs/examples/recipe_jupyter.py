"""Cells of a Jupyter notebook: one awaits, since the kernel's loop is asyncio's, the other waits."""

# %%
from urlrequest import UrlRequest

url = "http://127.0.0.1:8000/"

# %% [markdown]
# A cell that awaits lets the kernel go on.

# %%
request = await UrlRequest(url)  # noqa: F704, PLE1142 - a cell may
print(len(request.content), "octets")

# %% [markdown]
# A cell that waits runs the callbacks itself, since the kernel's loop stands still meanwhile.

# %%
request = UrlRequest(url, on_success=lambda request, _: print(len(request.content), "octets"))
request.wait()
