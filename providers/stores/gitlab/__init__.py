"""The store ``gitlab``: CI/CD variables of projects and groups on GitLab."""

from providers.stores.gitlab.plugin import PLUGIN

__all__ = ["PLUGIN"]
