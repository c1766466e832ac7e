"""E-mail by SMTP: one plain-text mail per message."""

import hashlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from trading_cli.alerts import SEND_S, Delivered, EmailSection, Message, MessageRefused
from trading_cli.alerts.text import clean
from trading_cli.core.errors import SourceDown, SourceRefused
from trading_cli.core.foreign import clean_text

NAME = "email"
_PERMANENT = 500


class Mail:
    """One mailbox. A connection is made for each mail and closed after it."""

    name = NAME

    def __init__(
        self, section: EmailSection, *, password: str | None, timeout: float = SEND_S
    ) -> None:
        self._section = section
        self._password = password
        self._timeout = timeout

    def send(self, message: Message) -> Delivered:
        """Send *message*; ``reference`` is its Message-ID, the same when it is sent again."""
        mail = self._written(message)
        try:
            with self._connected() as server:
                server.send_message(mail)
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError):
            said = "the login was refused"
            raise SourceRefused(
                NAME, said, hint="check TRADING_SMTP_PASSWORD", status=401
            ) from None
        except smtplib.SMTPRecipientsRefused:
            raise SourceRefused(NAME, "the recipient was refused", hint="alerts.email.to") from None
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= _PERMANENT:
                raise MessageRefused(NAME, f"SMTP {error.smtp_code}") from None
            raise SourceDown(NAME, f"SMTP {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            raise SourceDown(NAME, f"SMTP {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise SourceDown(NAME, f"could not send ({type(error).__name__})") from None
        return Delivered(mail["Message-ID"])

    def close(self) -> None:
        """Nothing is held open."""

    def _connected(self) -> smtplib.SMTP:
        """Return a connection, encrypted and logged in as the settings say."""
        part = self._section
        context = ssl.create_default_context()
        if part.encryption == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                part.host, part.port, timeout=self._timeout, context=context
            )
        else:
            server = smtplib.SMTP(part.host, part.port, timeout=self._timeout)
        try:
            if part.encryption == "starttls":
                server.starttls(context=context)
            if part.user and self._password is not None:
                server.login(part.user, self._password)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        urgent = "! " if message.critical else ""
        mail["Subject"] = clean_text(f"{urgent}trading {message.kind}: {message.text}", 120)
        mail["From"], mail["To"] = self._section.sender, self._section.to
        mail["Date"] = format_datetime(message.at)
        digest = hashlib.blake2b(message.key.encode(), digest_size=16).hexdigest()
        mail["Message-ID"] = f"<{digest}@trading.invalid>"
        mail["X-Trading-Key"] = clean_text(message.key, 200)
        mail.set_content(f"{clean(message.text)}\n\n[{clean_text(message.key, 120)}]\n")
        return mail
