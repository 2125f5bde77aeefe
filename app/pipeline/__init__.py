"""From what the user sets to what the page shows: stages of Param, whose results are parameters.

    stage      <-  depends on                                       gives
    ---------      -----------------------------------------------  ------------------------------
    Asked      <-  (every part of the `Experiment`)                 request, shown, hand
    Opening    <-  asked.request, asked.hand                        reading, question
    Dosing     <-  (another dose, where Preparing follows it)       draft
    Watching   <-  asked.hand, opening.reading, (the microscope)    microscope, grown, following
    Preparing  <-  asked.request, opening.reading, watching.grown   scan, dataset, pacbed, device,
                                                                    prepared
    Drawing    <-  asked.request, asked.shown, dosing.draft,        phase, tiles, spectrum, status,
                   preparing.scan, preparing.prepared               device, amplitude, obf
    Deriving   <-  asked.request,                                   virtual, faults, current, com,
                   preparing.scan, preparing.prepared               dpc
    Resting    <-  asked.request, asked.shown, also,                denoised, frc, parallax,
                   preparing.scan, preparing.prepared               flatness, focus_curve
    Aside      <-  (a feature that asks)                            (the `Answer` of who asks)
    Pointed    <-  (a pointer in an image)                          frames
    Told       <-  (all of them)                                    progress, error, notice

Each arrow is a `param.depends` of the stage, or, in parentheses, a call by name. A view takes
references to results, such as `drawing.param.phase`, and knows of no stage.

A stage that computes does so beside the session's thread: `Session.submit` hands a frozen snapshot
to a lane of the `ComputeService`, where the latest value wins, and `Stage.publish` sets what comes
of it, on the session's thread again. While a hand moves, `Drawing` sends no more frames than the
page says it has painted.
"""
