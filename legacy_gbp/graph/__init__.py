"""What is done to a foreign GraphDef before it can be differentiated, one step a file.

==============  ==============================================================
read.py         file -> GraphDef
freeze.py       variables -> constants
inline.py       function calls -> their operations
prune.py        what the output needs, and nothing else
trust.py        refuse operations that touch files, processes or Python
fused.py        _FusedConv2D, _FusedMatMul -> operations that have a gradient
idioms.py       PReLU, maximum(x, 0), clipped ReLU -> one operation with a rule
marks.py        strip foreign gradient marks, set those of a rule
ends.py         which tensors are the input and the logits
==============  ==============================================================
"""
