//! What stands on a sheet of paper: rows of cells.

/// The width of A4, in points.
pub const WIDTH: f32 = 595.28;
/// Where text begins, from every edge.
pub const MARGIN: f32 = 56.0;
/// How wide text can be.
pub const TEXT_WIDTH: f32 = WIDTH - 2.0 * MARGIN;
/// How large most of the text is.
pub const PLAIN: f32 = 9.5;

/// Where the text of a cell stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// On its left.
    Left,
    /// On its right, as figures do.
    Right,
}

/// Text in a column, broken into lines where it is wider.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Where the column begins, in points from the margin.
    pub from: f32,
    /// Where it ends.
    pub to: f32,
    /// Where the text stands.
    pub align: Align,
    /// The text.
    pub text: String,
}

/// Cells beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The cells.
    pub cells: Vec<Cell>,
    /// How large the letters are, in points.
    pub size: f32,
    /// How much is left free above, in points.
    pub above: f32,
}

impl Row {
    /// A row of one cell.
    pub fn text(text: impl Into<String>) -> Self {
        let cell = Cell { from: 0.0, to: TEXT_WIDTH, align: Align::Left, text: text.into() };
        Self { cells: vec![cell], size: PLAIN, above: 0.0 }
    }

    /// The same with so much free above.
    pub fn below(self, above: f32) -> Self {
        Self { above, ..self }
    }

    /// The same in letters of a size.
    pub fn sized(self, size: f32) -> Self {
        Self { size, ..self }
    }
}
