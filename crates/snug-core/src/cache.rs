//! A bounded map that forgets what was not used lately, and drops it at once.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    mem,
};

use parking_lot::Mutex;

/// Parts with a lock each, so that few wait for one another.
const PARTS: usize = 16;

/// A map of at most a fixed number of entries.
///
/// Each part has two generations. What is new or used goes to the young one; when that is full, it becomes the old one and
/// what was the old one is dropped. So an entry lives for at least half the map's worth of new ones after its last use.
/// Dropped means dropped here and now: of secrets, wiped, unless somebody is using them. And an entry takes its key, its
/// value and little else. (The usual concurrent maps, moka among them, leave what they remove to a collector that runs when
/// other work comes by, and spend hundreds of bytes an entry on knowing what was used least.)
pub(crate) struct Cache<K, V> {
    parts: Box<[Mutex<Generations<K, V>>]>,
    hasher: RandomState,
    /// Entries of one generation of one part.
    room: usize,
}

struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of at most `entries_max` entries, and never fewer than 32.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            room: (entries_max / PARTS / 2).max(1),
        }
    }

    /// The value of `key`, if it is remembered.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut part = self.part(key).lock();
        if let Some(value) = part.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = part.old.remove_entry(key)?;
        let dropped = part.put(key, value.clone(), self.room);
        drop(part);
        drop(dropped);
        Some(value)
    }

    /// Remembers a value.
    pub(crate) fn insert(&self, key: K, value: V) {
        let mut part = self.part(&key).lock();
        let earlier = part.old.remove(&key);
        let dropped = part.put(key, value, self.room);
        // A whole generation is dropped outside the lock.
        drop(part);
        drop((earlier, dropped));
    }

    /// Forgets the value of `key`.
    pub(crate) fn invalidate(&self, key: &K) {
        let mut part = self.part(key).lock();
        let dropped = (part.young.remove(key), part.old.remove(key));
        drop(part);
        drop(dropped);
    }

    /// Forgets the values of the keys that `keep` does not keep.
    pub(crate) fn retain(&self, keep: impl Fn(&K) -> bool) {
        for part in &self.parts {
            let mut part = part.lock();
            let Generations { young, old } = &mut *part;
            let dropped: Vec<_> = [young, old]
                .into_iter()
                .flat_map(|generation| generation.extract_if(|key, _| !keep(key)).collect::<Vec<_>>())
                .collect();
            drop(part);
            drop(dropped);
        }
    }

    /// Forgets everything, and gives its memory back.
    pub(crate) fn clear(&self) {
        for part in &self.parts {
            let dropped = mem::take(&mut *part.lock());
            drop(dropped);
        }
    }

    fn part(&self, key: &K) -> &Mutex<Generations<K, V>> {
        // The upper half of the hash: the maps inside use the lower.
        let part = (self.hasher.hash_one(key) >> 32) as usize % PARTS;
        &self.parts[part]
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock()).map(|part| part.young.len() + part.old.len()).sum()
    }
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// Puts the entry among the young; answers the generation that had to go for it.
    fn put(&mut self, key: K, value: V, room: usize) -> HashMap<K, V> {
        let mut dropped = HashMap::new();
        if self.young.len() >= room && !self.young.contains_key(&key) {
            dropped = mem::replace(&mut self.old, mem::take(&mut self.young));
        }
        self.young.insert(key, value);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use super::*;

    #[test]
    fn never_holds_more_than_it_may_and_drops_the_rest_at_once() {
        let cache = Cache::new(640);
        let all: Vec<Weak<u32>> = (0..10_000_u32)
            .map(|n| {
                let value = Arc::new(n);
                let seen = Arc::downgrade(&value);
                cache.insert(n, value);
                assert!(cache.len() <= 640);
                seen
            })
            .collect();
        let alive = all.iter().filter(|seen| seen.strong_count() > 0).count();
        assert_eq!(alive, cache.len());
        assert!(alive >= 640 / 4, "{alive} are remembered");
    }

    #[test]
    fn what_is_used_stays_and_a_second_value_replaces_the_first() {
        let cache = Cache::new(320);
        cache.insert(0, 1);
        for n in 1..5_000 {
            assert_eq!(cache.get(&0), Some(1), "after {n}");
            cache.insert(n, 0);
        }
        cache.insert(0, 2);
        assert_eq!(cache.get(&0), Some(2));
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn clearing_drops_all() {
        let cache = Cache::new(320);
        let value = Arc::new(());
        (0..1_000).for_each(|n| cache.insert(n, Arc::clone(&value)));
        cache.clear();
        assert_eq!((Arc::strong_count(&value), cache.len()), (1, 0));
        cache.insert(1, value);
        assert!(cache.get(&1).is_some());
    }

    #[test]
    fn what_is_not_kept_is_gone_whether_young_or_old() {
        let cache = Cache::new(320);
        let value = Arc::new(());
        (0..200).for_each(|n| cache.insert(n, Arc::clone(&value)));
        let before = cache.len();
        cache.retain(|n| n % 2 == 0);
        assert!((0..200).all(|n| cache.get(&n).is_none() || n % 2 == 0));
        assert!((1..before).contains(&cache.len()));
        assert_eq!(Arc::strong_count(&value), cache.len() + 1, "dropped at once");
    }

    #[test]
    fn what_is_invalidated_is_gone_whether_young_or_old() {
        let cache = Cache::new(320);
        for later in [0, 15 * PARTS] {
            cache.insert(usize::MAX, 1);
            for n in 0..later {
                cache.insert(n, 0);
            }
            cache.invalidate(&usize::MAX);
            assert_eq!(cache.get(&usize::MAX), None, "after {later}");
        }
    }
}
