#!/usr/bin/python3
"""Stands in for the official image's tool, without a Java start each time: ApiVersions, version 0."""
import socket, struct, sys
host, port = sys.argv[sys.argv.index("--bootstrap-server") + 1].rsplit(":", 1)
body = struct.pack(">hhih", 18, 0, 7, 5) + b"probe"
with socket.create_connection((host, int(port)), timeout=5) as link:
    link.sendall(struct.pack(">i", len(body)) + body)
    size, correlation, error = struct.unpack(">iih", link.makefile("rb").read(10))
sys.exit(0 if correlation == 7 and error == 0 else f"correlation {correlation}, error {error}")
