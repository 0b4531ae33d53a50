"""A module that workers learn of later than the first one."""


def greet(payload):
    return "hello"
