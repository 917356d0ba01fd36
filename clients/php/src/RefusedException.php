<?php

declare(strict_types=1);

namespace Fantail;

/** The server says no, and why. */
final class RefusedException extends ControlException
{
}
