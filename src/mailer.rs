//! Mail: written into a folder until a mail server is set, or handed to that server.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::Clock;
use kernel::ports::{Mail, Mailer, Unavailable};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::command::Failure;

/// How long a mail server may take for a mail.
const SMTP_WAIT_MAX: Duration = Duration::from_secs(8);

/// The mailer of the settings.
pub fn mailer(
    settings: &crate::settings::Mail,
    folder: &Path,
    clock: &Clock,
) -> Result<Arc<dyn Mailer>, Failure> {
    let letters = Letters { from: settings.from.parse()?, clock: clock.clone() };
    if settings.url.is_empty() {
        return Ok(Arc::new(FileMailer { folder: folder.to_owned(), letters }));
    }
    let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url)?;
    let server = server.timeout(Some(SMTP_WAIT_MAX)).build();
    Ok(Arc::new(SmtpMailer { server, letters }))
}

/// What mails look like.
struct Letters {
    from: Mailbox,
    clock: Clock,
}

impl Letters {
    /// The mail as RFC 5322 wants it. Its Message-ID is the letter's, so that a server that gets it
    /// twice can know.
    fn message(&self, mail: &Mail) -> Result<Message, Failure> {
        let domain = self.from.email.domain();
        let message = Message::builder()
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .date(self.clock.now().into())
            .from(self.from.clone())
            .to(mail.to.parse()?)
            .subject(mail.subject.clone());
        let text = mail.text.clone();
        Ok(match &mail.html {
            None => message.header(ContentType::TEXT_PLAIN).body(text)?,
            Some(html) => {
                message.multipart(MultiPart::alternative_plain_html(text, html.clone()))?
            }
        })
    }
}

/// Only its kind is logged: what a mail says may open an account.
fn log(mail: &Mail) {
    tracing::info!(kind = mail.kind, letter = %mail.id, "a mail is sent");
}

fn unavailable(error: impl Into<Failure>) -> Unavailable {
    Unavailable::new("mail", error)
}

/// Writes each mail into a file of its own.
struct FileMailer {
    folder: PathBuf,
    letters: Letters,
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<(), Unavailable> {
        let message = self.letters.message(mail).map_err(unavailable)?.formatted();
        let (folder, name) = (self.folder.clone(), mail.id.to_string());
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, &message)).await;
        written.map_err(unavailable)?.map_err(unavailable)?;
        log(mail);
        Ok(())
    }
}

/// Beside first, so that nobody reads half a mail; a mail that is sent again replaces itself.
fn write(folder: &Path, name: &str, message: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let beside = folder.join(format!("{name}.new"));
    let mut options = std::fs::OpenOptions::new();
    let mut out = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.write_all(message)?;
    out.sync_all()?;
    std::fs::rename(beside, folder.join(format!("{name}.eml")))
}

/// Hands mails to a server.
struct SmtpMailer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    letters: Letters,
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), Unavailable> {
        let message = self.letters.message(mail).map_err(unavailable)?;
        self.server.send(message).await.map_err(unavailable)?;
        log(mail);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kernel::id::MessageId;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::settings;

    fn mail() -> Mail {
        Mail {
            id: MessageId::new().uuid(),
            kind: "reset_password".to_owned(),
            to: "ada@example.com".to_owned(),
            subject: "Choose a new password".to_owned(),
            text: "https://shop.example/account/reset-password#token=geheim\n".to_owned(),
            html: None,
        }
    }

    fn of(url: String, folder: &Path) -> Arc<dyn Mailer> {
        let settings = settings::Mail { url, from: "Shop <shop@shop.example>".to_owned() };
        mailer(&settings, folder, &Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn a_mail_that_is_sent_twice_is_one_file() {
        let folder = platform::testing::folder().join("mail");
        let (mailer, mail) = (of(String::new(), &folder), mail());
        for _ in 0..2 {
            mailer.send(&mail).await.unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(folder.join(format!("{}.eml", mail.id))).unwrap();
        assert!(text.contains("To: ada@example.com") && text.contains("#token=geheim"), "{text}");
        assert!(text.contains(&format!("Message-ID: <{}@shop.example>", mail.id)), "{text}");
    }

    /// A mail server as far as a client needs one: it answers each command, and `DATA` once more.
    async fn receive(listener: TcpListener) -> String {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = BufReader::new(socket);
        let (mut said, mut in_mail) = (String::new(), false);
        socket.write_all(b"220 mail.example\r\n").await.unwrap();
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await.unwrap() == 0 {
                return said;
            }
            said += &line;
            let answer: &[u8] = match line.as_str() {
                ".\r\n" => {
                    socket.write_all(b"250 taken\r\n").await.unwrap();
                    return said;
                }
                _ if in_mail => continue,
                "DATA\r\n" => {
                    in_mail = true;
                    b"354 go on\r\n"
                }
                _ => b"250 well\r\n",
            };
            socket.write_all(answer).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_mail_server_is_handed_the_mail() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let received = tokio::spawn(receive(listener));
        of(url.clone(), Path::new("/nowhere")).send(&mail()).await.unwrap();
        let said = received.await.unwrap();
        assert!(said.contains("RCPT TO:<ada@example.com>"), "{said}");
        assert!(said.contains("Subject: Choose a new password"), "{said}");
        let error = of(url, Path::new("/nowhere")).send(&mail()).await.unwrap_err();
        assert_eq!(error.what, "mail");
        assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
    }

    #[tokio::test]
    async fn a_mail_with_html_has_both() {
        let folder = platform::testing::folder().join("mail");
        let html = Some("<p>Grüße</p>".to_owned());
        let mail = Mail { text: "Grüße\n".to_owned(), html, ..mail() };
        of(String::new(), &folder).send(&mail).await.unwrap();
        let text = std::fs::read_to_string(folder.join(format!("{}.eml", mail.id))).unwrap();
        let (plain, html) = (text.find("text/plain"), text.find("text/html"));
        assert!(text.contains("multipart/alternative") && plain < html, "{text}");
        assert!(plain.is_some() && text.contains("<p>Gr=C3=BC=C3=9Fe</p>"), "{text}");
    }

    #[test]
    fn a_sender_that_is_none_is_refused() {
        let settings = settings::Mail { url: String::new(), from: "nobody".to_owned() };
        assert!(mailer(&settings, Path::new("/nowhere"), &Clock::system()).is_err());
    }
}
