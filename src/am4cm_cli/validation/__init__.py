"""How good masks are, against a reference or without one.

For callers such as the benches, bottom-up:

    bins.PERCENT, bins.PROBABILITY, bins.REFLECTANCE    Bins: scores to places (K of them)
    counts.DateCounts.of(scores, flagged, bins=...)     (T, 2, K) clear and flagged pixels
    tallies.tally(scores, labels, bins=...)             Tally: counts by date, class, edge and bin
    Tally + Tally, tally.counts_for(target, choice)     of windows; DateCounts of a choice
    choices.choices(labels)                             rows of a table: all, mixed, thin, edge ...
    measures.measure(counts)                            AUC, average precision, F1, ... ECE
    measures.best_threshold(counts)                     the highest F1: flattering
    measures.reliability(counts), curves.curves(counts) what is drawn
    intervals.interval(counts), intervals.paired(a, b)  95 % by resampling dates
    references.read_reference(path, grid)               Reference: names, read(name, window)
    matching.match(names, reference.names)              which dates both have
    methods.mask_method(mask), methods.Method           what gives scores window by window
    judging.judge(methods, reference, dates, shape)     a Tally of every method, on the same pixels
    scoreboard.scoreboards(methods, tallies, names)     Board: all rows, differences, dates
    unlabelled.look(mask, stack, weights)               measures that need no reference

Scores and labels of dates already in memory (T, Y, X) need no more than

    found = tally(scores, labels, bins=PROBABILITY)
    for choice in choices(found.labels):
        row = found.counts_for("cloud", choice)
        measure(row), interval(row)

with classes as in `am4cm_cli.classes`, scores NaN where a method has no answer.
"""
