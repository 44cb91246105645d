from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.crypto import salted_hmac

from tocsin.people import rules
from tocsin.people.rules import COMMAND_LINE, LANGUAGES, Language, May, Role, may


class UserManager(BaseUserManager["User"]):
    """People, and the program's own users among them."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Who signs in with this address, in whatever case."""
        return self.get(email__iexact=username)

    def people(self) -> models.QuerySet[User]:
        """Everybody there is; the command line's own account is nobody."""
        return self.exclude(pk=COMMAND_LINE)


class User(AbstractBaseUser):
    """A person. The id is a slug that stays; without a usable password nobody can sign in with one."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    email = models.EmailField(unique=True)
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(
        max_length=5, choices=[(k.value, name) for k, name in LANGUAGES.items()], default=Language.ENGLISH
    )
    role = models.CharField(max_length=16, choices=[(r.value, r.value) for r in Role], default=Role.RESPONDER)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    sessions_epoch = models.PositiveIntegerField(default=0)  # rises whenever all sessions so far must end

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def may(self, what: May) -> bool:
        """Whether the role of the person, who is switched on, includes it."""
        return self.is_active and may(self.role, what)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """What an open session must match at every request: it changes with password, role, activity and epoch,
        so that each of them ends every session at once, on every node. The epoch never goes back: a session from
        before a change does not fit again when the change is undone."""
        value = f"{self.password}\n{self.role}\n{self.is_active}\n{self.sessions_epoch}"
        return salted_hmac("tocsin.people.session", value, secret=secret, algorithm="sha256").hexdigest()


class ContactQuerySet(models.QuerySet["Contact"]):
    """Addresses of people."""

    def paged(self) -> ContactQuerySet:
        """Those that get pages, as `rules.Contact.is_paged` says."""
        own = models.Q()
        for scheme in rules.OWN_SCHEMES:
            own |= models.Q(address__startswith=f"{scheme}:")
        return self.filter(models.Q(verified_at__isnull=False) | ~models.Q(vouched_by="") | own)

    def sound(self) -> ContactQuerySet:
        """Those that count, as `rules.Contact.is_sound` says."""
        return self.paged().filter(failing_since=None)


class Contact(models.Model):
    """One way to reach a person; `address` is a URL whose scheme names the channel (mailto:, https:, console:).

    What the other columns make of it says `rules.Contact`.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contacts")
    name = models.SlugField(max_length=64)
    address = models.CharField(max_length=500)
    verified_at = models.DateTimeField(null=True, blank=True)
    vouched_by = models.CharField(
        max_length=100, blank=True, default=""
    )  # "user:ada", "engine"; "" for nobody
    worked_at = models.DateTimeField(null=True, blank=True)  # when a message first went there
    failing_since = models.DateTimeField(null=True, blank=True)
    failing_why = models.CharField(max_length=200, blank=True, default="")

    objects = ContactQuerySet.as_manager()

    class Meta:
        ordering = ["user_id", "name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="contact_once")]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.name}"

    def as_value(self) -> rules.Contact:
        """The contact as the rules see it."""
        return rules.Contact(
            self.address,
            self.verified_at,
            self.vouched_by,
            self.worked_at,
            self.failing_since,
            self.failing_why,
        )


class ContactCode(models.Model):
    """A code that was asked for to prove a contact. Its digits are stored nowhere: `nonce` and the instance's key make
    them. It names its contact and does not hang on it, so that adding a contact anew gives no further tries."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    contact = models.SlugField(max_length=64)
    address_digest = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)  # that were wrong
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "made_at"], name="code_of_person"),
            models.Index(fields=["address_digest", "made_at"], name="code_to_address"),
        ]

    def __str__(self) -> str:
        return f"code for {self.user_id}/{self.contact}"


class Team(models.Model):
    """People who look after services together."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    lead = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="teams"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """That somebody is of a team, and in which place."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["team_id", "position"]
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id}"


class Token(models.Model):
    """Opens the API for its owner. Only the digest is stored; the prefix tells tokens apart on the screen."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=8)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["user_id", "name"]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class SignInLink(models.Model):
    """A link that signs its person in once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in for {self.user_id}"


def row_to_snapshot(row: Any) -> dict[str, Any]:
    """The stored columns of a row as plain values, for the journal's before/after; secrets are left out."""
    secret = {"password", "digest", "key_digest", "key_sealed", "secret_sealed", "nonce"}
    return {
        f.attname: f.value_to_string(row) if isinstance(f, models.DateTimeField) else getattr(row, f.attname)
        for f in row._meta.concrete_fields
        if f.attname not in secret
    }
