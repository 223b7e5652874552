//! Tables for people: aligned columns, no lines; colours only on a terminal and never if NO_COLOR is set.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, presets};

/// On a narrower terminal, cells of few letters a line are harder to read than lines that run over.
const WIDTH_LEAST: u16 = 80;

/// How a cell feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As the terminal has it.
    Plain,
    /// Went well.
    Good,
    /// Under way.
    Busy,
    /// Somebody has to look.
    Bad,
    /// Beside the point.
    Faint,
}

/// A cell.
pub(super) struct Field {
    text: String,
    tone: Tone,
    number: bool,
}

impl Field {
    /// A number, which stands on the right.
    pub(super) fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain, number: true }
    }

    /// A text with a tone.
    pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone, number: false }
    }
}

impl<T: Into<String>> From<T> for Field {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Rows below headings.
pub(super) struct Table(comfy_table::Table);

impl Table {
    /// With a heading for each column.
    pub(super) fn new(headings: &[&str]) -> Self {
        let mut table = bare();
        table.set_header(headings.iter().map(|text| Cell::new(text).add_attribute(Attribute::Bold)));
        Self(table)
    }

    /// Without headings: names on the left, what they are on the right.
    pub(super) fn of_facts() -> Self {
        Self(bare())
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, fields: [Field; N]) {
        self.0.add_row(fields.map(cell));
    }

    /// Adds a fact, unless there is nothing to say.
    pub(super) fn fact(&mut self, name: &str, value: impl Into<Field>) {
        let value = value.into();
        if !value.text.is_empty() {
            self.row([Field::toned(name, Tone::Faint), value]);
        }
    }

    /// The text, without blanks at the ends of lines.
    pub(super) fn text(mut self) -> String {
        for column in self.0.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.0.trim_fmt()
    }
}

/// Whether NO_COLOR is set.
pub(super) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn bare() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    if no_colour() {
        table.force_no_tty();
    } else if table.width().is_some_and(|width| width >= WIDTH_LEAST) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

fn cell(mut field: Field) -> Cell {
    // Texts of downstreams are shown here: control characters could rule the terminal.
    field.text.retain(|c| !c.is_control() || c == '\n');
    let cell = Cell::new_owned(field.text);
    let cell = if field.number { cell.set_alignment(CellAlignment::Right) } else { cell };
    match field.tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Busy => cell.fg(Color::Cyan),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(mut table: Table) -> String {
        table.0.force_no_tty();
        table.text()
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let mut table = Table::new(&["NAME", "ROWS", "NOTE"]);
        table.row(["billing".into(), Field::number("12"), "x".into()]);
        table.row(["crm".into(), Field::number("1,204"), "".into()]);
        assert_eq!(plain(table), "NAME     ROWS   NOTE\nbilling     12  x\ncrm      1,204");
    }

    #[test]
    fn facts_without_value_are_left_out() {
        let mut table = Table::of_facts();
        table.fact("case", "1");
        table.fact("reason", "");
        table.fact("due", "soon");
        assert_eq!(plain(table), "case  1\ndue   soon");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut table = Table::of_facts();
        table.fact("title", "a\u{1b}[31mb\u{7}");
        assert_eq!(plain(table), "title  a[31mb");
    }
}
