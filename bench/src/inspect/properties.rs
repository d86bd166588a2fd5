//! What a file's properties say of its learned index, and whether that is so.

use mountdb::index::Summary;

const NAME: &str = "mountdb.index";

/// The properties by name, as [`mountdb::TableFile::learned_properties`] gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(pub Vec<(String, String)>);

impl Properties {
    /// The value of `mountdb.index` and `field`, such as `.segments`.
    fn get(&self, field: &str) -> Option<&str> {
        let named = |name: &str| name.strip_prefix(NAME) == Some(field);
        let mut found = self.0.iter().filter(|(name, _)| named(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// Why the file has no learned index.
    pub fn why_not(&self) -> Option<&str> {
        self.get(".why_not")
    }

    /// All of it in words: the property that is all name.
    pub fn sentence(&self) -> Option<&str> {
        let sentence = |(name, _): &'_ (String, String)| name.starts_with("mountdb.index: ");
        let (name, _) = self.0.iter().find(|property| sentence(property))?;
        name.strip_prefix("mountdb.index: ")
    }

    /// What they say otherwise than the learned index that is there, or the lack of one. What
    /// they leave out is no contradiction: files need not have any.
    pub fn against(&self, there: Option<&Summary>) -> Vec<String> {
        let mut expected = match there {
            Some(summary) => mountdb::index_properties(summary),
            None => vec![(NAME.to_owned(), "none".to_owned())],
        };
        if there.is_some_and(|summary| summary.largest_error.is_none()) {
            let residual = format!("{NAME}.largest_residual_in_blocks");
            expected.push((residual, "none".to_owned()));
        }
        let contradiction = |(name, found): &(String, String)| {
            let (_, said) = self.0.iter().find(|(said, _)| said == name)?;
            (said != found).then(|| format!("{name} says {said}, the file has {found}"))
        };
        expected.iter().filter_map(contradiction).collect()
    }
}
