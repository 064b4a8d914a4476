//! What a node tells of a disk that has no room for the journal's next segment.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use ringfence_journal::RoomNews;

/// What the journal's writer has to tell, in words.
#[derive(Default)]
pub(crate) struct RoomNotes(Option<Arc<ArrayQueue<RoomNews>>>);

impl RoomNotes {
    /// Of the writer whose news these are; none where nothing is journaled.
    pub(crate) fn new(news: Option<Arc<ArrayQueue<RoomNews>>>) -> RoomNotes {
        RoomNotes(news)
    }

    /// What was told since the last look.
    pub(crate) fn look(&self) -> impl Iterator<Item = String> {
        let news = self.0.iter().flat_map(|news| std::iter::from_fn(|| news.pop()));
        news.map(|news| in_words(&news))
    }
}

fn in_words(news: &RoomNews) -> String {
    match news {
        RoomNews::Short { error, left_bytes } => format!(
            "the journal's next segment cannot be made: {error}; the present one has {left_bytes} \
             bytes left, and the engine goes on until it is full; tried again every second"
        ),
        RoomNews::Full => {
            "the journal's present segment is full and there is no room for the next \
                           one: commands wait until there is; everything that was answered is kept"
                .to_owned()
        }
        RoomNews::Found => "the journal's next segment was made: the engine goes on".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_journal::JournalError;

    #[test]
    fn each_piece_of_news_is_said_once_with_the_file_and_what_is_missing() {
        let news = Arc::new(ArrayQueue::new(4));
        let notes = RoomNotes::new(Some(Arc::clone(&news)));
        assert_eq!(notes.look().count(), 0);
        let error = JournalError::NoRoom {
            path: "data/0000000002.journal.new".into(),
            needed_bytes: 100,
            free_bytes: Some(30),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        news.push(RoomNews::Short { error, left_bytes: 4096 }).unwrap();
        news.push(RoomNews::Full).unwrap();
        news.push(RoomNews::Found).unwrap();
        let said: Vec<String> = notes.look().collect();
        let parts = ["0000000002.journal.new", "70 are missing", "4096 bytes left"];
        assert!(parts.iter().all(|part| said[0].contains(part)), "{}", said[0]);
        assert!(said[1].contains("commands wait") && said[2].contains("goes on"), "{said:?}");
        assert_eq!(notes.look().count(), 0);
        assert_eq!(RoomNotes::default().look().count(), 0);
    }
}
