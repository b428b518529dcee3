"""What is done about a request: functions of values and of an `Engine` that yield typed results.

No task knows the conversation's turns, the page, or the assistant that runs it.
"""
