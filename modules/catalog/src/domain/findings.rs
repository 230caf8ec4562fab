use kernel::problem::FieldError;

/// The fields that are not allowed, as they are found.
#[derive(Default)]
pub(crate) struct Findings(pub Vec<FieldError>);

impl Findings {
    pub fn add(&mut self, field: &str, message: String) {
        self.0.push(FieldError { field: field.to_owned(), message });
    }

    pub fn text(&mut self, field: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        if !(least..=most).contains(&length) || (least > 0 && text.trim().is_empty()) {
            self.add(field, format!("must be {least} to {most} characters"));
        } else if text.contains('\0') {
            self.add(field, "must not hold the character NUL".to_owned());
        }
    }

    pub fn at_most(&mut self, field: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.add(field, format!("must have at most {most} entries"));
        }
        count <= most
    }
}
