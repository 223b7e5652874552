#!/usr/bin/env python3
"""Drives the example of a page in a real browser.

    browser.py token FOLDER                          makes the issuer's key (FOLDER/jwks.json) and a token of it (FOLDER/token)
    browser.py drive FOLDER PAGES SERVER EMAIL PORT  serves the PAGES at PORT, which the server knows, and at another, which it does
                                                     not, and asks the SERVER from both
"""

import base64
import functools
import hashlib
import http.server
import json
import pathlib
import sys
import threading
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import sync_playwright

# Chromium looks for news of its own, which nobody here answers.
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE_MS = 60_000


def token(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    (folder / "jwks.json").write_text(json.dumps({"keys": [public | {"kid": "1", "alg": "ES256", "use": "sig"}]}))
    claims = {"iss": "https://login.shop.example", "aud": "rightful", "sub": "console", "roles": ["support"], "exp": int(time.time()) + 3600}
    (folder / "token").write_text(jwt.encode(claims, key, "ES256", {"kid": "1"}))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def pages(folder, port):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://localhost:{server.server_port}/"


def ask(page, origin, server, secret, email):
    """What the page says once it is done."""
    page.goto(origin)
    for field, value in (("server", server), ("token", secret), ("email", email)):
        page.fill(f"input[name={field}]", value)
    page.click("button")
    page.wait_for_function("document.querySelector('pre').textContent.endsWith('done\\n')", timeout=PATIENCE_MS)
    return page.inner_text("pre")


def drive(folder, built, server, email, port):
    secret = (folder / "token").read_text()
    certificate = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(public).digest()).decode()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*QUIET, "--no-sandbox", f"--ignore-certificate-errors-spki-list={pin}"]
        )
        page = browser.new_page()
        known = pages(built, port)
        said = ask(page, known, server, secret, email)
        print(said)
        assert "state COMPLETED" in said and "export " in said, "no export came"
        with page.expect_download() as download:
            page.click("a")
        download.value.save_as(folder / "export.zip")
        said = ask(page, known, server, secret, "")
        assert "mistake InvalidArgument subject.identifiers: " in said, said
        said = ask(page, known, server, "", email)
        assert "mistake Unauthenticated" in said, said
        # A page from elsewhere, with a good token: the browser shows it nothing.
        said = ask(page, pages(built, 0), server, secret, email)
        assert "case" not in said and "mistake" in said, said
        browser.close()


if __name__ == "__main__":
    mode, folder, *rest = sys.argv[1:]
    if mode == "token":
        token(pathlib.Path(folder))
    else:
        built, server, email, port = rest
        drive(pathlib.Path(folder), built, server, email, int(port))
