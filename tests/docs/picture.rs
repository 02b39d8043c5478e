//! The picture of a session in README.md, on light and on dark pages. `UPDATE_DOCS=1` draws it again.

use std::fs;

use anstyle::{Color, RgbColor};
use anstyle_svg::Term;

use crate::desk::Desk;
use crate::page::root;
use crate::{is_update, setting, shown};

/// What the picture shows. Only a terminal gets colours.
const COMMANDS: [&str; 2] = ["rotate --local genesys/prod", "status genesys/prod"];
const TERMINAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/terminal.py");
const STORED: &str =
    "aws secretsmanager create-secret --name genesys/prod --secret-string file://genesys.json >created-secret";
/// Name, text and background.
const PAGES: [(&str, [u8; 3], [u8; 3]); 2] =
    [("light", [0x24, 0x29, 0x2f], [0xf6, 0xf8, 0xfa]), ("dark", [0xe6, 0xed, 0xf3], [0x0d, 0x11, 0x17])];

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_the_readme_is_current() {
    let Some(desk) = Desk::set_up(setting("docs/session.md")).await else { return };
    let on_a_terminal = COMMANDS
        .map(|command| format!("python3 {TERMINAL} '[]' /bin/sh -c 'TERM=xterm genesys-rotator {command} 2>progress'"));
    let outcomes = desk.run(&[STORED, &on_a_terminal[0], &on_a_terminal[1]]).await;
    assert!(outcomes.iter().all(|outcome| outcome.status == Some(0)), "{outcomes:#?}");
    let session = COMMANDS.iter().zip(&outcomes[1..]).map(|(command, outcome)| {
        format!("\x1b[1m$ genesys-rotator {command}\x1b[0m\n{}\n", outcome.printed.join("\n"))
    });
    let session: String = session.collect();
    assert!(session.contains("\x1b[32m✓"), "{session}");
    for (name, text, background) in PAGES {
        let [text, background] = [text, background].map(|[red, green, blue]| Color::Rgb(RgbColor(red, green, blue)));
        let drawn = Term::new().fg_color(text).bg_color(background).render_svg(session.trim_end());
        let path = root().join(format!("docs/images/session-{name}.svg"));
        let [kept, drawn_lines] = [fs::read_to_string(&path).unwrap_or_default(), drawn.clone()]
            .map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        if is_update() && !shown::is_as_shown(&kept, &drawn_lines) {
            fs::write(&path, drawn).expect("the picture can be written");
        } else {
            assert!(
                shown::is_as_shown(&kept, &drawn_lines),
                "{} is out of date: run UPDATE_DOCS=1 cargo test --test docs",
                path.display()
            );
        }
    }
}
