"""What goes backwards: the rules of ReLU, the attribute that carries them, the audit.

=======================  ===========================================================
relu                     the rules themselves, by ``gradient_override_map``
gradient_attribute       the same on the nodes of a GraphDef
rectifier_patterns       recognise rectifiers made of several operations
composite_rectifiers     give each of them one operation that carries the rule
audit                    whether a rule reached every nonlinearity
=======================  ===========================================================
"""
