//! Sheets of text as PDF: rows of cells, page after page.

use krilla::Document;
use krilla::geom::Point;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::text::{Font, TextDirection};
use platform::sql::Error;
use ttf_parser::Face;

use crate::domain::sheet::{Align, Cell, MARGIN, PLAIN, Row, WIDTH};

/// It has the letters of Latin, Greek and Cyrillic script.
static FONT: &[u8] = include_bytes!("../data/DejaVuSansCondensed.ttf");

/// The height of A4, in points.
const HEIGHT: f32 = 841.89;
/// The distance of two lines, in sizes of their letters.
const LEADING: f32 = 1.4;
/// Where the number of the page stands, from the lower edge.
const FOOT: f32 = 30.0;

/// What is drawn: a line of text with its left end, in points from the upper left corner.
struct Drawn {
    x: f32,
    y: f32,
    size: f32,
    text: String,
}

/// Writes rows on as many pages as they need.
pub fn pdf(title: &str, rows: &[Row]) -> Result<Vec<u8>, Error> {
    let broken = || Error::Inconsistent("the font of papers cannot be read".to_owned());
    let face = Face::parse(FONT, 0).map_err(|_| broken())?;
    let font = Font::new(FONT.into(), 0).ok_or_else(broken)?;
    let pages = lay_out(&face, rows);
    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(title.to_owned()).creator("Stoa".to_owned()));
    let count = pages.len();
    for (n, mut page) in pages.into_iter().enumerate() {
        let number = format!("{} / {count}", n + 1);
        let x = WIDTH - MARGIN - width(&face, PLAIN, &number);
        page.push(Drawn { x, y: HEIGHT - FOOT, size: PLAIN, text: number });
        let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(broken)?;
        let mut sheet = document.start_page_with(size);
        let mut surface = sheet.surface();
        for Drawn { x, y, size, text } in page {
            let start = Point::from_xy(x, y);
            surface.draw_text(start, font.clone(), size, &text, false, TextDirection::Auto);
        }
        surface.finish();
        sheet.finish();
    }
    document
        .finish()
        .map_err(|error| Error::Inconsistent(format!("{title} cannot be written: {error:?}")))
}

/// Which text stands where on which page.
fn lay_out(face: &Face<'_>, rows: &[Row]) -> Vec<Vec<Drawn>> {
    let mut pages = vec![Vec::new()];
    let mut y = MARGIN;
    for row in rows {
        let leading = row.size * LEADING;
        let cells: Vec<(&Cell, Vec<String>)> = row
            .cells
            .iter()
            .map(|cell| (cell, broken_up(face, row.size, cell.to - cell.from, &cell.text)))
            .collect();
        let lines = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or_default();
        y += row.above;
        for n in 0..lines {
            if y + leading > HEIGHT - MARGIN {
                pages.push(Vec::new());
                y = MARGIN;
            }
            y += leading;
            for (cell, line) in cells.iter().filter_map(|(cell, all)| Some((cell, all.get(n)?))) {
                let x = match cell.align {
                    Align::Left => cell.from,
                    Align::Right => cell.to - width(face, row.size, line),
                };
                let drawn = Drawn { x: MARGIN + x, y, size: row.size, text: line.clone() };
                if let Some(page) = pages.last_mut() {
                    page.push(drawn);
                }
            }
        }
    }
    pages
}

/// How wide a text is, in points.
fn width(face: &Face<'_>, size: f32, text: &str) -> f32 {
    let advance = |letter| {
        let glyph = face.glyph_index(letter).unwrap_or_default();
        f32::from(face.glyph_hor_advance(glyph).unwrap_or_default())
    };
    text.chars().map(advance).sum::<f32>() * size / f32::from(face.units_per_em())
}

/// A text in lines of a width: broken between words, and in them where they are wider.
fn broken_up(face: &Face<'_>, size: f32, wide: f32, text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let fits = |text: &str| width(face, size, text) <= wide;
    // A control character has no letter; it parts words as a space does.
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        let Some(line) = lines.last_mut() else { continue };
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&joined) {
            *line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(String::new());
        }
        for letter in word.chars() {
            let Some(line) = lines.last_mut() else { continue };
            line.push(letter);
            if !fits(line) && line.chars().count() > 1 {
                line.pop();
                lines.push(letter.to_string());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sheet::TEXT_WIDTH;

    fn face() -> Face<'static> {
        Face::parse(FONT, 0).unwrap()
    }

    #[test]
    fn the_font_has_the_letters_of_europe() {
        for letter in "AZaz09äöüßÄÖÜéèñçåøłžőțĳ€£–„“".chars() {
            assert!(face().glyph_index(letter).is_some(), "{letter}");
        }
    }

    #[test]
    fn no_line_is_wider_than_its_column_and_no_letter_is_lost() {
        let long = "Lampe ".repeat(30) + &"Donaudampfschifffahrt".repeat(9);
        for wide in [40.0, 100.0, TEXT_WIDTH] {
            let lines = broken_up(&face(), PLAIN, wide, &long);
            assert!(lines.iter().all(|line| width(&face(), PLAIN, line) <= wide));
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(&long));
        }
    }

    #[test]
    fn rows_go_on_on_the_next_page() {
        let rows: Vec<Row> = (0..200).map(|n| Row::text(format!("row {n}"))).collect();
        let pages = lay_out(&face(), &rows);
        assert!(pages.len() > 2, "{}", pages.len());
        assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 200);
        let low = pages.iter().flatten().map(|drawn| drawn.y).fold(0.0, f32::max);
        assert!(low <= HEIGHT - MARGIN, "{low}");
    }
}
