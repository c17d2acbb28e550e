"""A replica with TLS, on SQLite, that can be killed and started again.

Fed by the program that POSTRIDER names and by openssl; feeds `publishing` with an address, a
certificate authority, tokens and what is stored. Guarantees that it serves by the time that
a start returns, and that it has its data and its address at each start.
"""

import os
import socket
import subprocess
import time

import grpc
from postrider.v1 import event_pb2, event_pb2_grpc, tenant_pb2, tenant_pb2_grpc, token_pb2, token_pb2_grpc

ADMINISTRATOR = f"prt_{'5e' * 10}_{'5e' * 32}"
START_LIMIT_SECONDS = 60


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name):
    """NAME.pem and NAME.key."""
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return folder / f"{name}.pem"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Replica:
    def __init__(self, folder, events_per_second):
        self.folder = folder
        self.process = None
        self.authority = make_authority(folder, "ca")
        self._issue()
        (folder / "token").write_text(ADMINISTRATOR)
        (folder / "token").chmod(0o600)
        self.program = os.environ["POSTRIDER"]
        keys = folder / "keys"
        subprocess.run([self.program, "keys", "create", "--id", "test", "--file", keys], check=True,
                       capture_output=True)
        ports = [free_port() for _ in range(3)]
        self.address = f"localhost:{ports[0]}"
        listen = [f"127.0.0.1:{port}" for port in ports]
        self.command = [
            self.program, "serve", "--data-dir", folder / "data", "--keys-file", keys,
            "--bootstrap-token-file", folder / "token", "--metrics-listen", "",
            "--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key",
            "--listen", listen[0], "--agents-listen", listen[1], "--replicas-listen", listen[2],
        ]
        self.environment = os.environ | {
            "POSTRIDER_PUBLISH__ALLOW_UNKNOWN_EVENT_TYPES": "true",
            "POSTRIDER_RATES__PUBLISHED_EVENTS_PER_SECOND_PER_TENANT": str(events_per_second),
        }
        tls = grpc.ssl_channel_credentials(self.authority.read_bytes())
        token = grpc.access_token_call_credentials(ADMINISTRATOR)
        self.channel = grpc.secure_channel(
            self.address, grpc.composite_channel_credentials(tls, token))
        self.start()

    def _issue(self):
        """A certificate for localhost."""
        (self.folder / "server.ext").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
        openssl(self.folder, "x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.pem",
                "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "server.ext", "-out", "server.pem")

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        tenants = tenant_pb2_grpc.TenantServiceStub(self.channel)
        end = time.monotonic() + START_LIMIT_SECONDS
        while True:
            try:
                tenants.ListTenants(tenant_pb2.ListTenantsRequest(), timeout=5, wait_for_ready=True)
                return
            except grpc.RpcError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def publisher_token(self, tenant):
        """Makes a tenant, and a token that may publish in it and nothing else."""
        tenant_pb2_grpc.TenantServiceStub(self.channel).CreateTenant(
            tenant_pb2.CreateTenantRequest(tenant_id=tenant, tenant=tenant_pb2.Tenant(display_name=tenant)))
        grant = token_pb2.Grant(role=token_pb2.ROLE_PUBLISHER, tenants=[f"tenants/{tenant}"])
        token = token_pb2.Token(display_name=tenant, grants=[grant])
        answer = token_pb2_grpc.TokenServiceStub(self.channel).CreateToken(
            token_pb2.CreateTokenRequest(token=token))
        return answer.secret

    def events(self, tenant):
        """What a tenant has, without payloads."""
        service, found, page = event_pb2_grpc.EventServiceStub(self.channel), [], ""
        while True:
            answer = service.ListEvents(event_pb2.ListEventsRequest(
                parent=f"tenants/{tenant}", page_size=1000, page_token=page), wait_for_ready=True)
            found += answer.events
            page = answer.next_page_token
            if not page:
                return found
