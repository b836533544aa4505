"""Write the gate's comment on the pull request, or edit the one that an earlier run
wrote: the author's comment whose first line is the same mark.

That the token may not do that, as in pull requests from forks, is a warning: the gate's
verdict does not depend on it.
"""

import json
import os
import sys
import urllib.error
import urllib.request

LIMIT = 20  # pages of 100 comments


def main():
    try:
        with open(os.path.join(os.environ["RUNNER_TEMP"], "whittle-comment.md"), encoding="utf-8") as f:
            body = f.read()
    except FileNotFoundError:
        print("whittle: there is no comment to write, as nothing was measured")
        return
    number = pull_request()
    if number is None:
        print("whittle: this is no pull request, so there is no comment")
        return
    repository = os.environ["GITHUB_REPOSITORY"]
    mark = body.split("\n", 1)[0]
    old = find(repository, number, mark, os.environ["INPUT_AUTHOR"])
    if old is None:
        request("POST", f"/repos/{repository}/issues/{number}/comments", {"body": body})
        print("whittle: the comment is written")
    elif old["body"].replace("\r\n", "\n") != body:
        request("PATCH", f"/repos/{repository}/issues/comments/{int(old['id'])}", {"body": body})
        print("whittle: the comment is edited")
    else:
        print("whittle: the comment is as it was")


def pull_request():
    """The number of the pull request that the workflow runs for."""
    with open(os.environ["GITHUB_EVENT_PATH"], encoding="utf-8") as f:
        event = json.load(f)
    number = event.get("pull_request", {}).get("number")
    if number is None and "pull_request" in event.get("issue", {}):
        number = event["issue"]["number"]
    return None if number is None else int(number)


def find(repository, number, mark, author):
    """The author's first comment with the mark."""
    for page in range(1, LIMIT + 1):
        comments = request("GET", f"/repos/{repository}/issues/{number}/comments?per_page=100&page={page}")
        for comment in comments:
            first = (comment.get("body") or "").replace("\r\n", "\n").split("\n", 1)[0]
            if first == mark and (comment.get("user") or {}).get("login") == author:
                return comment
        if len(comments) < 100:
            break
    return None


def request(method, path, value=None):
    call = urllib.request.Request(
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        method=method,
        data=None if value is None else json.dumps(value).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": "Bearer " + os.environ["INPUT_TOKEN"],
            "Content-Type": "application/json",
            "User-Agent": "whittle",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(call, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as e:
        print(f"::warning title=whittle::The comment was not written: GitHub answers {e.code}. It needs the permission pull-requests: write, which pull requests from forks do not have.")
    except (urllib.error.URLError, TimeoutError, ValueError, KeyError) as e:
        text = str(e).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::warning title=whittle::The comment was not written: {text}")
    sys.exit(0)
