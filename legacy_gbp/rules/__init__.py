"""What goes backwards: the rules of ReLU, the attribute that carries them, the audit.

=======================  ===========================================================
relu                     the rules themselves, by ``gradient_override_map``
gradient_attribute       the same on the nodes of a GraphDef
dependence               which nodes carry values of the image
elementwise_units        functions made of several operations, found whatever their spelling
unit_proof               which of them are rectifiers, by their values and slopes
composite_rectifiers     give each rectifier one operation that carries the rule
audit                    whether a rule reached every nonlinearity
=======================  ===========================================================
"""
