-- Instances that were started by hand belong to no run: their events are filed under their own ids.
CREATE INDEX instances_by_hand ON instances (id) WHERE run = id;
