"""Runs the remote generator's tests against real servers: `drover serve`, and llama.cpp's llama-server where its program is given.

usage: remote_generator_against_servers.py [--build build/release] [--llama-server PROGRAM] [--gguf FILE] [--endpoint URL ...]
"""
import argparse
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HOME = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))


def run_tests(build, name, url, gives):
    print(f"== {name}", flush=True)
    environment = {**os.environ, "DROVER_TEST_ENDPOINT": url, "DROVER_TEST_ENDPOINT_GIVES": gives}
    return subprocess.run([build / "src/openai_test", "--gtest_filter=RemoteEndpointTest.*", "--gtest_brief=1"], env=environment).returncode == 0


def with_drover(build, model):
    server = subprocess.Popen([build / "src/drover", "serve", model, "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if found := re.search(r"http://\S+/v1", line):
                return run_tests(build, "drover serve", found[0], "ids log_probs seeds")
        return False
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)


def with_llama_server(build, program, gguf):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([program, "-m", gguf, "--port", str(port), "-c", "16384", "-np", "8"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                # Ids and seeds of llama-server depend on its version and on its batches.
                return run_tests(build, "llama-server", f"http://127.0.0.1:{port}/v1", "")
            except OSError:
                time.sleep(0.2)
        return False
    finally:
        server.terminate()
        server.wait(timeout=60)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "build/release")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--llama-server", default=str(HOME / "peers/llama.cpp/bin/llama-server"), help="left out where there is no such program")
    parser.add_argument("--gguf", default=str(HOME / "models/smollm2-135m-instruct.gguf"))
    parser.add_argument("--endpoint", action="append", default=[], help="a server that runs already")
    arguments = parser.parse_args()
    passed = [with_drover(arguments.build, arguments.model)]
    if os.access(arguments.llama_server, os.X_OK):
        passed.append(with_llama_server(arguments.build, arguments.llama_server, arguments.gguf))
    passed += [run_tests(arguments.build, url, url, "") for url in arguments.endpoint]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
