"""Requests at a prompt: prompt_async() runs asyncio's loop, so callbacks run while the user types."""

import asyncio

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout

from urlrequest import UrlRequest


async def main() -> None:
    """Fetch each URL that is typed, in the background; an empty line ends the program."""
    prompt: PromptSession[str] = PromptSession("URL> ")
    requests = []
    with patch_stdout():  # what callbacks print appears above the prompt
        while url := await prompt.prompt_async():
            requests.append(
                UrlRequest(
                    url,
                    on_success=lambda request, _: print(len(request.content), "bytes"),
                    on_failure=lambda request, _: print(request.resp_status),
                    on_error=lambda _, error: print(error),
                )
            )
    for request in requests:
        request.cancel()


if __name__ == "__main__":
    asyncio.run(main())
