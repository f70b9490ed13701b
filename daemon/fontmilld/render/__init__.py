"""Pictures: a pure function from (settings, face, index) to the bytes of one clear/blurred pair.

Nothing here reads a clock, a global random state, a file or the environment. Choosing is apart from
doing: `choose` draws a frozen `Recipe` from the sample's own random stream, `draw` and `degrade` carry
it out. The worker calls `pair.PairRenderer`, the prober `faces.inspect_face`.
"""
