"""What the assistant can do besides talking, as tools for models that can call functions.

Belongs here: toolboxes (ports.Toolbox) over what the rest of the program can, and which of them a conversation is
offered. Does not belong here: how a model is told of them and asks for them (dialogue.tools), how a person is asked.
"""
