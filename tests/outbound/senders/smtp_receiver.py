"""A real mail server (aiosmtpd) that takes mails, or fails in a way that is named."""

import asyncio
import ssl
import threading
from contextlib import contextmanager

from aiosmtpd.smtp import SMTP, AuthResult


class MailReceiver:
    """`mails` are those that were taken, as (recipients, bytes). `refuse` maps a recipient to its answer.

    `data_answer` comes in place of 250; `drop` closes the connection: greeting, data, or quit (after it).
    """

    def __init__(self):
        self.mails, self.refuse, self.data_answer, self.drop, self.sender_answer = [], {}, "", "", ""
        self.port = 0

    async def answer_mail(self, server, session, envelope, address, options):
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def answer_rcpt(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def answer_data(self, server, session, envelope):
        if self.drop == "data":
            server.transport.abort()
            return "250 never seen"
        if self.data_answer:
            return self.data_answer
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 Ok: queued as 4711"

    async def answer_quit(self, server, session, envelope):
        if self.drop == "quit":
            server.transport.abort()
        return "421 4.4.2 too busy to say goodbye" if self.drop == "rude" else "221 Bye"


for command in ("MAIL", "RCPT", "DATA", "QUIT"):  # the names that aiosmtpd looks for
    setattr(MailReceiver, f"handle_{command}", getattr(MailReceiver, f"answer_{command.lower()}"))


@contextmanager
def receiving_mail(cert=None, tls="none", password=None):
    """A receiver that runs. `tls`: starttls, tls or none; `password` is asked for, of the user volt."""
    receiver = MailReceiver()
    context = None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)

    def authenticate(server, session, envelope, mechanism, data):
        right = data.login == b"volt" and data.password == password.encode()
        return AuthResult(success=right, handled=False)

    def make():
        return SMTP(
            receiver,
            hostname="mail.test",
            tls_context=context if tls == "starttls" else None,
            authenticator=authenticate if password else None,
            auth_required=bool(password),
            auth_require_tls=tls == "starttls",
        )

    loop = asyncio.new_event_loop()
    start = loop.create_server(make, "127.0.0.1", 0, ssl=context if tls == "tls" else None)
    server = loop.run_until_complete(start)
    receiver.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(_end, loop)
        thread.join(5)
        loop.close()


def _end(loop):
    """Cancel what serves clients, then stop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.create_task(_stop_after(loop, tasks))


async def _stop_after(loop, tasks):
    await asyncio.gather(*tasks, return_exceptions=True)
    loop.stop()
