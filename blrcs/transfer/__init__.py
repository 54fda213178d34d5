"""Records from files into a server, and back: a client of RecordService.

A file is read line by line into writes (``json_lines``, ``csv_rows``), which go to the server in
batches (``record_import``); what the server lists is written as lines (``record_export``). Either
remembers how far it is in a file beside the other one (``progress_file``), so that it goes on there
after it was ended at any moment.

Messages take longer to load than a short import runs: what most imports do without is loaded where
it is used.
"""
