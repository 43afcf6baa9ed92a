"""A download in a Streamlit page: wait() runs the callbacks on the script's own thread, so they may draw."""

import streamlit as st

from urlrequest import UrlRequest

url = st.text_input("URL")
if url:
    bar = st.progress(0.0)

    def show_progress(_: UrlRequest, current: int, total: int) -> None:
        """Move the bar; a total of -1 means that it is unknown."""
        if total > 0:
            bar.progress(current / total)

    # Streamlit ends the script when the user clicks elsewhere. Leaving the block cancels the download then.
    with UrlRequest(url, on_progress=show_progress, progress_interval=0.1) as request:
        request.wait()
    st.write(str(request.error) if request.error else f"{len(request.content or b'')} bytes")
