//! Routes by the segments of their prefixes, so that a request costs what its path is long and not
//! how many routes there are.

use std::collections::HashMap;

/// What stands behind the first segments of some prefixes.
#[derive(Debug, Default)]
pub(super) struct Tree {
    next: HashMap<String, Tree>,
    /// Behind a segment that may be any.
    any: Option<Box<Tree>>,
    /// The routes whose prefix ends here, in the order in which they are asked.
    routes: Vec<usize>,
}

impl Tree {
    /// A tree of prefixes, each with the number of its route.
    pub(super) fn new<'p>(prefixes: impl Iterator<Item = &'p str>) -> Self {
        let mut tree = Self::default();
        for (number, prefix) in prefixes.enumerate() {
            let mut at = &mut tree;
            for segment in prefix.split('/') {
                at = if segment.starts_with('{') {
                    at.any.get_or_insert_default()
                } else {
                    at.next.entry(segment.to_owned()).or_default()
                };
            }
            at.routes.push(number);
        }
        tree
    }

    /// The first route that fits, of those whose prefixes the path begins with: those with the most
    /// segments are asked first, and among them in the order of their numbers.
    pub(super) fn find(&self, path: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best = None;
        self.look(path.split('/'), 0, &fits, &mut best);
        best.map(|(_, number)| number)
    }

    /// The first that fits of those that are the whole path.
    pub(super) fn find_whole(&self, path: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best = None;
        self.look(path.split('/'), 0, &fits, &mut best);
        best.filter(|(depth, _)| *depth == path.split('/').count()).map(|(_, number)| number)
    }

    /// Remembers in `best` the depth and number of a route that is better.
    fn look<'p>(
        &self,
        mut rest: impl Iterator<Item = &'p str> + Clone,
        depth: usize,
        fits: &impl Fn(usize) -> bool,
        best: &mut Option<(usize, usize)>,
    ) {
        if let Some(number) = self.routes.iter().copied().find(|number| fits(*number)) {
            let is_better = best.is_none_or(|(deepest, first)| {
                depth > deepest || (depth == deepest && number < first)
            });
            if is_better {
                *best = Some((depth, number));
            }
        }
        let Some(segment) = rest.next() else { return };
        if let Some(next) = self.next.get(segment) {
            next.look(rest.clone(), depth + 1, fits, best);
        }
        if let Some(any) = &self.any
            && !segment.is_empty()
        {
            any.look(rest, depth + 1, fits, best);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the tree stands for: all prefixes, one by one.
    fn one_by_one(prefixes: &[String], path: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let begins = |prefix: &str| {
            let mut given = path.split('/');
            prefix.split('/').all(|wanted| {
                given.next().is_some_and(|given| {
                    given == wanted || (wanted.starts_with('{') && !given.is_empty())
                })
            })
        };
        let fitting = prefixes.iter().enumerate().filter(|(n, prefix)| fits(*n) && begins(prefix));
        fitting
            .min_by_key(|(n, prefix)| (std::cmp::Reverse(prefix.split('/').count()), *n))
            .map(|(n, _)| n)
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_each_prefix_finds(
            prefixes in prop::collection::vec("(/(a|b|\\{id\\})){1,4}", 0..12),
            path in "(/(a|b|c|)){0,5}",
            odd in any::<bool>(),
        ) {
            let tree = Tree::new(prefixes.iter().map(String::as_str));
            let fits = |number: usize| !odd || number % 2 == 1;
            let found = one_by_one(&prefixes, &path, fits);
            prop_assert_eq!(tree.find(&path, fits), found);
            let segments = |text: &str| text.split('/').count();
            let whole = found.filter(|number| segments(&prefixes[*number]) == segments(&path));
            prop_assert_eq!(tree.find_whole(&path, fits), whole);
        }
    }
}
