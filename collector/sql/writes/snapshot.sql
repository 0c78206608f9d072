-- Copy everything into another file. $path and $name are put in as quoted text, since
-- ATTACH takes no parameters.
ATTACH $path AS lowtide_snapshot;
COPY FROM DATABASE $name TO lowtide_snapshot;
DETACH lowtide_snapshot;
