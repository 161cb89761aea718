"""Python's ssl (OpenSSL) as client of the bench: one line of key=value on stdin for each connection, one line on stdout."""
import socket
import ssl
import struct
import sys
import time

sessions = {}
contexts = {}


def context_of(play):
    name = (play["ca"], play["v"], play.get("cert"), play["name"])
    if name not in contexts:
        made = ssl.create_default_context(cafile=play["ca"])
        made.minimum_version = made.maximum_version = (
            ssl.TLSVersion.TLSv1_2 if play["v"] == "1.2" else ssl.TLSVersion.TLSv1_3
        )
        if play.get("alpn"):
            made.set_alpn_protocols(play["alpn"].split(","))
        if play.get("cert"):
            made.load_cert_chain(play["cert"], play["key"])
        contexts[name] = made
    return contexts[name]


def connect(play):
    sent = got = done = 0
    error = ""
    raw = socket.create_connection(("127.0.0.1", int(play["port"])))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.settimeout(2)
    try:
        session = sessions.get(play["name"])
        tls = context_of(play).wrap_socket(raw, server_hostname=play["name"], session=session)
        done = 1
        for step in filter(None, play.get("steps", "").split(",")):
            n = int(step[1:] or 0)
            if step[0] == "s":
                tls.sendall(b"q" * (n - 1) + b"\n")
                sent += n
            elif step[0] == "w":
                time.sleep(n / 1000)
            else:
                want = sys.maxsize if step[0] == "e" else max(n, got + 1)
                while got < want:
                    part = tls.recv(16384)
                    if not part:
                        break
                    got += len(part)
        sessions[play["name"]] = tls.session
        if play.get("close") == "rst":
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif play.get("close") != "fin":
            try:
                tls.unwrap()
            except (OSError, ValueError):
                pass
        tls.close()
    except OSError as failure:
        error = type(failure).__name__
        raw.close()
    return f"id={play['id']} handshake={done} sent={sent} got={got} error={error}"


for line in sys.stdin:
    print(connect(dict(part.split("=", 1) for part in line.split())), flush=True)
