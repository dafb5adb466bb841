//! What any back-end has to do.
